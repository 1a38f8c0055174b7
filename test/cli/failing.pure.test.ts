/** What a command prints with `--json` where it has no answer: one document that says why, and nothing else. */
import { describe, expect, test } from 'vitest'
import { commands, nameOf } from '../../src/cli/commands.ts'
import type { Command } from '../../src/cli/kit/command.ts'
import type { HttpReply } from '../../src/cli/kit/outcome.ts'
import { gatehouse } from '../support/node/cli.ts'

const variables = {
  GATEHOUSE_URL: 'https://gate.example',
  GATEHOUSE_TOKEN: 'any-token-at-all',
  GATEHOUSE_TENANT: 'acme',
}
const asking = commands.filter(({ options }) => options.some(({ name }) => name === 'token'))
/** Of those the gateway is asked only by some options. */
const local = new Set(['gatehouse policy validate', 'gatehouse policy diff'])
/** Of those the gateway is asked where its policy is named. */
const ofGateway = new Set(['gatehouse policy explain', 'gatehouse policy convert'])
const POLICY = '{"version":"1","default":"allow"}'
const files = () => ({
  'f.json': POLICY,
  d: '',
  'd/policies/p.json': POLICY,
})
/** Words that an operand may be. */
const operand = (names: string) => (/FILE|A B/.test(names) ? 'f.json' : /DIR/.test(names) ? 'd' : 'thing')
const extra: Readonly<Record<string, readonly string[]>> = {
  'gatehouse server add': ['--at', 'https://crm.example/mcp'],
  'gatehouse secret set': ['--env', 'GATEHOUSE_URL', '--origins', 'https://crm.example'],
  'gatehouse session end': ['--grant', 'bot'],
}

/** The shortest line of a command that is understood. */
function wordsOf(command: Command): string[] {
  const { operands, options } = command
  const names = operands.names.split(' ')
  const given = Array.from({ length: operands.least }, (_, i) =>
    names[i] === 'VERSION' ? '1' : operand(names[i] ?? names.at(-1) ?? ''),
  )
  const needed = options.flatMap(({ name, required, values = ['f.json'] }) =>
    required === true ? [`--${name}`, values[0] ?? ''] : [],
  )
  const more = [
    ...(extra[nameOf(command)] ?? []),
    ...(options.some(({ name }) => name === 'yes') ? ['--yes'] : []),
  ]
  const meant = ofGateway.has(nameOf(command)) ? ['@p'] : given
  return [...nameOf(command).split(' ').slice(1), ...meant, ...needed, ...more, '--json']
}

const reply = (status: number, body: string): HttpReply => ({
  ok: true,
  status,
  header: () => null,
  pieces: (async function* () {
    yield body
  })(),
})
const problem = (status: number, title: string) =>
  reply(status, JSON.stringify({ title, detail: 'why', status }))

describe.each(asking.filter((command) => !local.has(nameOf(command))))('$group $name', (command) => {
  const { failure = 2 } = command
  const fails = async (send: () => HttpReply) => {
    let sent = 0
    const { code, out, err } = await gatehouse(wordsOf(command), files(), {
      variables,
      send: async () => {
        sent += 1
        return send()
      },
    })
    expect(sent, out + err).toBeGreaterThan(0)
    expect(err).toBe('')
    const data = JSON.parse(out) as { errors: Record<string, unknown>[] }
    expect(data.errors.length).toBeGreaterThan(0)
    for (const error of data.errors) expect(typeof error).toBe('object')
    return { code, error: data.errors[0] }
  }

  test.each([
    ['a gateway that does not answer', () => ({ ok: false, reason: 'away' }) as const, 2],
    ['a token that may not', () => problem(403, 'Forbidden'), 2],
    ['a token that is none', () => problem(401, 'Unauthorized'), 2],
    ['a gateway that is ill', () => problem(503, 'Unavailable'), 2],
    ['a refusal', () => problem(422, 'Invalid document'), 1],
    ['a page of somebody else’s', () => reply(502, '<html>'), 2],
  ] as const)('says in one document what came of %s', async (_, send, code) => {
    const failed = await fails(send)
    expect(failed.code).toBe(code === 2 ? failure : code)
    const { status, unreachable } = failed.error ?? {}
    expect(status ?? unreachable).toEqual(expect.anything())
  })

  test('refuses a line that it does not understand, before it asks', async () => {
    const { code, out, err } = await gatehouse([...wordsOf(command), '--nothing'], files(), { variables })
    expect({ code, err }).toEqual({ code: failure, err: '' })
    expect(JSON.parse(out)).toMatchObject({
      errors: [{ found: expect.any(String), allowed: expect.any(String) }],
    })
  })

  test('says that it has nobody to ask', async () => {
    const { code, out, err } = await gatehouse(wordsOf(command), files(), {})
    expect({ code, err }).toEqual({ code: failure, err: '' })
    expect(JSON.parse(out)).toMatchObject({ errors: expect.arrayContaining([expect.anything()]) })
  })
})

test('what goes wrong behind rows that were printed goes to standard error, and is no row', async () => {
  const pages = [
    reply(200, '{"at":"t1"}\n{"end":true,"rows":1,"next":"7","last":"7"}\n'),
    problem(503, 'Unavailable'),
  ]
  const { code, out, err } = await gatehouse(
    ['audit', 'export', '--json'],
    {},
    { variables, send: async () => pages.shift() ?? problem(500, 'no more') },
  )
  expect([code, out]).toEqual([2, '{"at":"t1"}\n'])
  expect(JSON.parse(err)).toMatchObject({ errors: [{ status: 503 }] })
  const half = await gatehouse(
    ['audit', 'export', '--json'],
    {},
    { variables, send: async () => reply(200, '{"at":"t1"}\n') },
  )
  expect([half.code, half.out]).toEqual([2, '{"at":"t1"}\n'])
  expect(JSON.parse(half.err)).toMatchObject({ errors: [{ incomplete: expect.any(String) }] })
})

test('a person can be asked of the same command that a program is refused', async () => {
  const destroying = commands.filter(({ options }) => options.some(({ name }) => name === 'yes'))
  expect(destroying.length).toBeGreaterThan(8)
  for (const command of destroying) {
    const words = wordsOf(command).filter((word) => word !== '--yes')
    const { code, out, err } = await gatehouse(words, files(), {
      variables,
      answer: true,
      send: async () => problem(404, 'Not found'),
    })
    expect([code === 0, err], words.join(' ')).toEqual([false, ''])
    expect(typeof JSON.parse(out), words.join(' ')).toBe('object')
  }
})
