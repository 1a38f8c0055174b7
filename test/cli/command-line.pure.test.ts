/** What the program understands, and what it says of the rest. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commands, groups, nameOf } from '../../src/cli/commands.ts'
import { visible } from '../../src/cli/kit/outcome.ts'
import { gatehouse } from '../support/node/cli.ts'

const words = (line: string) => line.split(' ').filter((word) => word !== '')
const allow = '{"version":"1","default":"allow"}'

const first =
  'policy, tenant, server, grant, person, secret, session, approval, webhook, audit, outbox, connect, apply, whoami, version, completion'
const ofPolicies = 'validate, explain, test, diff, convert, schema, push, rollback, list, show, remove'

describe('a command line that is not understood', () => {
  test.each([
    ['', `gatehouse: found no command; allowed: ${first}`],
    ['polcy', `gatehouse: found the unknown command "polcy"; allowed: ${first}; did you mean "policy"?`],
    ['grant', 'gatehouse grant: found no command; allowed: issue, set, list, show, rotate, revoke'],
    [
      '--jsn',
      'gatehouse: found the unknown option "--jsn"; allowed: --json, --help, --version; did you mean "--json"?',
    ],
    ['policy', `gatehouse policy: found no command; allowed: ${ofPolicies}`],
    [
      'policy valdate x',
      'gatehouse policy: found the unknown command "valdate"; ' +
        `allowed: ${ofPolicies}; did you mean "validate"?`,
    ],
    ['policy validate', 'gatehouse policy validate: found nothing to work on; allowed: FILE…'],
    ['policy diff a', 'gatehouse policy diff: found 1 operand; allowed: A B'],
    ['policy diff a b c', 'gatehouse policy diff: found 3 operands; allowed: A B'],
    ['policy diff - -', 'gatehouse policy diff: found "-" again; allowed: standard input once'],
    [
      'policy diff a b --tools=x,,y',
      'gatehouse policy diff: found --tools with an empty name; allowed: --tools t1,t2',
    ],
    [
      'policy validate a -x',
      'gatehouse policy validate: found the unknown option "-x"; allowed: --tools, --gateway, --url, --token, --tenant, --json, --help',
    ],
    [
      'policy validate a --json=1',
      'gatehouse policy validate: found --json=…; allowed: --json, which takes no value',
    ],
    ['policy convert a', 'gatehouse policy convert: found no --to; allowed: --to hosted'],
    ['policy convert a --to', 'gatehouse policy convert: found --to without a value; allowed: --to hosted'],
    [
      'policy convert a --to hostd',
      'gatehouse policy convert: found --to "hostd"; allowed: hosted; did you mean "hosted"?',
    ],
    ['policy convert a --to rule', 'gatehouse policy convert: found --to "rule"; allowed: hosted'],
    [
      'policy convert a --to --hosted',
      'gatehouse policy convert: found --to "--hosted"; allowed: --to hosted, or --to=-…',
    ],
    [
      'grant list --token -s3cret',
      'gatehouse grant list: found --token -…; allowed: --token TOKEN, or --token=-…',
    ],
    [
      'policy convert a --to hosted --to hosted',
      'gatehouse policy convert: found --to again; allowed: --to once',
    ],
    ['policy schema', 'gatehouse policy schema: found nothing to work on; allowed: hosted|rule|short'],
    [
      'policy schema rules',
      'gatehouse policy schema: found the unknown dialect "rules"; allowed: hosted, rule, short; did you mean "rule"?',
    ],
    ['policy explain a', 'gatehouse policy explain: found no --tool; allowed: --tool NAME'],
    [
      'policy explain a --tool t --at yesterday',
      'gatehouse policy explain: found --at "yesterday"; allowed: a moment with its zone, such as 2030-01-01T12:00:00Z',
    ],
    [
      'policy explain a --tool t --at 2030-01-01T12:00:00',
      'gatehouse policy explain: found --at "2030-01-01T12:00:00"; allowed: a moment with its zone, such as 2030-01-01T12:00:00Z',
    ],
    [
      'policy explain a --tool t --at 2030-02-30T12:00:00Z',
      'gatehouse policy explain: found --at "2030-02-30T12:00:00Z"; allowed: a moment with its zone, such as 2030-01-01T12:00:00Z',
    ],
    [
      'policy explain a --tool t --args [1]',
      `gatehouse policy explain: found --args an array; allowed: --args '{"name": …}', a JSON object`,
    ],
    [
      'policy explain a --tool t --args {x',
      `gatehouse policy explain: found --args with text that is not JSON; allowed: --args '{"name": …}', a JSON object`,
    ],
  ])('%j', async (line, said) => {
    const { code, out, err } = await gatehouse(words(line), { a: allow, b: allow, c: allow })
    expect(err.split('\n')).toContain(said)
    expect(err).toMatch(/\nTry: gatehouse.* --help\n$/)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })

  test('is told everything that is wrong with it at once', async () => {
    const { err } = await gatehouse(words('policy explain a --tol t --at'))
    expect(err.trim().split('\n')).toEqual([
      expect.stringContaining('"--tol"'),
      expect.stringContaining('--at without a value'),
      expect.stringContaining('no --tool'),
      'Try: gatehouse policy explain --help',
    ])
  })

  test('is told so in JSON, for machines', async () => {
    const { code, out, err } = await gatehouse(words('policy schema shrt --json'))
    expect(JSON.parse(out)).toEqual({
      errors: [{ found: 'the unknown dialect "shrt"', allowed: 'hosted, rule, short', nearest: 'short' }],
    })
    expect({ code, err }).toEqual({ code: 2, err: '' })
  })

  test('never makes the program fail, whatever the words', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        'policy',
        'validate',
        'explain',
        'diff',
        'a',
        '-',
        '--',
        '--tool',
        '--json',
        '-h',
        '--at=',
        '-vx',
      ),
      fc.string(),
    )
    const typed = fc.constantFrom(
      ...commands.map(({ group, name }) => (group === null ? [name] : [group, name])),
    )
    const variables = {
      GATEHOUSE_URL: 'https://gate.example',
      GATEHOUSE_TOKEN: 't',
      GATEHOUSE_TENANT: 'acme',
    }
    const send = async () => ({ ok: false, reason: 'nobody is there' }) as const
    await fc.assert(
      fc.asyncProperty(typed, fc.array(word, { maxLength: 6 }), async (start, more) => {
        const { code } = await gatehouse([...start, ...more], { a: allow }, { variables, send })
        expect([0, 1, 2]).toContain(code)
      }),
      { numRuns: 500 },
    )
  })
})

describe('help', () => {
  test.each(['--help', '-h', 'policy --help', 'policy -h'])(
    'gatehouse %s names every command',
    async (line) => {
      const { code, out } = await gatehouse(words(line))
      expect(code).toBe(0)
      for (const { group, name, summary } of commands) {
        if (group !== 'policy' && line.startsWith('policy')) continue
        const typed = line.startsWith('policy') || group === null ? name : `${group} ${name}`
        expect(out).toMatch(new RegExp(`^  ${typed} +${RegExp.escape(summary)}$`, 'm'))
      }
      for (const group of groups) expect((await gatehouse([group, '-h'])).code).toBe(0)
    },
  )

  test.each(commands)(
    '$group $name says options, exit codes and examples, and asks for nothing else',
    async (command) => {
      const { code, out, err } = await gatehouse([...nameOf(command).split(' ').slice(1), '-h'])
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).toMatch(new RegExp(`^Usage: ${nameOf(command)}( |$)`, 'm'))
      for (const { name, help } of command.options)
        expect(out).toMatch(new RegExp(`--${name} .*${RegExp.escape(help.slice(0, 9))}`))
      for (const example of command.examples) expect(out).toContain(`\n  ${example}\n`)
      expect(out).toContain(`Exit codes: ${command.exitCodes}.\n`)
      expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(120)
    },
  )

  test('docs/cli.md names every command that asks the gateway, and no other', () => {
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `([a-z]+) ([a-z-]+(?:\\\|[a-z-]+)+)` \|/gm)]
    const named = rows.flatMap(([, group, names = '']) =>
      names.split('\\|').map((name) => `${group} ${name}`),
    )
    const local = ['validate', 'explain', 'test', 'convert', 'schema'].map((name) => `policy ${name}`)
    const there = commands.flatMap(({ group, name }) => (group === null ? [] : [`${group} ${name}`]))
    expect(named.toSorted()).toEqual(there.filter((name) => !local.includes(name)).toSorted())
  })

  test('--version is package.json’s', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await gatehouse(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
    expect(JSON.parse((await gatehouse(['--version', '--json'])).out)).toEqual({ version })
  })
})

test('a value may begin with a dash, where it cannot be mistaken for an option', async () => {
  const { code } = await gatehouse(words('policy explain a --tool t --label=-x --account -'), { a: allow })
  expect(code).toBe(0)
})

test('after -- a name may begin with a dash', async () => {
  const { out } = await gatehouse(['policy', 'validate', '--', '--json'], { '--json': allow })
  expect(out).toBe('--json: OK, hosted dialect\n')
})

test('a name out of a file can neither steer a terminal nor pass for a line', async () => {
  expect(visible('a\u001b[2Jb\nc\u202ed\u009b')).toBe('a\\u001b[2Jb\\u000ac\\u202ed\\u009b')
  const policy = JSON.stringify({ version: '1', tools: { 'x\u001b]0;\n.: OK': { limits: 1 } } })
  const { out } = await gatehouse(['policy', 'validate', 'a'], { a: policy })
  expect(out).toBe('a:1:55 /tools/x\\u001b]0;\\u000a.: OK/limits: found 1; allowed: array\n')
})
