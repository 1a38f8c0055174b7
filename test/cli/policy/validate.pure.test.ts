import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MISUSE } from '../../../src/cli/kit/outcome.ts'
import { gatehouse } from '../../support/node/cli.ts'

const hosted = '{"version":"1","default":"allow"}'
const rule = 'version: "1"\ntools: { t: { rules: [{ rate_limit: 1/minute }] } }\n'
const short = 'tools: { t: { action: deny } }\n'
const warned = `version: "1"
tools:
  t:
    deny_if:
      - conditions: [{ path: "args.a[*]", op: eq, value: 1 }]
`
const wrong = 'version: "1"\nhid: [t]\ntools:\n  t: { limits: [{ counter: c, window: minut, max: 1 }] }\n'

test('says the dialect of what is right, and every problem of what is wrong, as compilers do', async () => {
  const files = { 'a.json': hosted, 'b.yaml': rule, 'c.yaml': short, 'd.yaml': wrong }
  expect(await gatehouse(['policy', 'validate', ...Object.keys(files)], files)).toEqual({
    code: 1,
    out: [
      'a.json: OK, hosted dialect',
      'b.yaml: OK, rule dialect',
      'c.yaml: OK, short dialect',
      'd.yaml:4:39 /tools/t/limits/0/window: found "minut"; allowed: "minute", "hour", "day", ' +
        'or a whole number of seconds up to 31622400; did you mean "minute"?',
      'd.yaml:2:1 /hid: found the unknown name "hid"; allowed: $schema, version, description, mode, hide, ' +
        'default, all, all_tools, tools, resources, prompts; did you mean "hide"?',
      '',
    ].join('\n'),
    err: '',
  })
})

test('a warning is told and fails nothing', async () => {
  expect(await gatehouse(['policy', 'validate', 'w.yaml'], { 'w.yaml': warned })).toEqual({
    code: 0,
    out:
      'w.yaml: OK, hosted dialect\n' +
      'w.yaml:5:22 warning: /tools/t/deny_if/0/conditions/0: found args.a[*], which means every element: one that ' +
      'does not fit keeps the rule from acting; allowed: a require, or not around the condition that each ' +
      'element must meet\n',
    err: '',
  })
})

test('a file that cannot be read counts for more than a problem, and keeps no other from being checked', async () => {
  const { code, out, err } = await gatehouse(['policy', 'validate', 'gone', 'd', 'a'], {
    a: hosted,
    d: wrong,
  })
  expect({ code, err }).toEqual({
    code: MISUSE,
    err: 'gone: cannot be read: no such file or directory; the gateway’s policy of that name is @gone\n',
  })
  expect(out.trim().split('\n')).toHaveLength(3)
})

test('says the same in JSON', async () => {
  const files = { a: warned, d: wrong }
  const { code, out, err } = await gatehouse(['policy', 'validate', 'a', 'd', 'gone', '--json'], files)
  expect({ code, err }).toEqual({ code: 2, err: '' })
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    files: [
      { file: 'a', ok: true, dialect: 'hosted', warnings: [{ line: 5, column: 22 }] },
      {
        file: 'd',
        ok: false,
        problems: [
          { pointer: '/tools/t/limits/0/window', found: '"minut"', nearest: 'minute', line: 4, column: 39 },
          { pointer: '/hid', nearest: 'hide', line: 2, column: 1 },
        ],
      },
      { file: 'gone', ok: false, unreadable: 'no such file or directory' },
    ],
  })
})

test('whatever the bytes are, every command that reads them answers', async () => {
  const verbs = [
    ['validate', 'x'],
    ['explain', 'x', '--tool', 't'],
    ['test', 'x'],
    ['diff', 'x', 'y'],
    ['convert', 'x', '--to', 'hosted'],
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...verbs), fc.uint8Array({ minLength: 1 }), async (verb, bytes) => {
      const { code, out, err } = await gatehouse(['policy', ...verb], { x: bytes, y: hosted })
      expect([1, 2]).toContain(code)
      expect(out + err).toMatch(/^x:\d+:\d+ /m)
    }),
    { examples: [[['test', 'x'], new TextEncoder().encode('{"__proto__": 1}')]] },
  )
})

const listing = JSON.stringify({
  tools: [{ name: 'pay', inputSchema: { type: 'object', properties: { amount: {} } } }],
})
const asks = `version: "1"
tools:
  pay: { require: [{ path: args.amuont, op: lte, value: 5 }] }
  play: {}
`

test.each([listing, JSON.stringify({ jsonrpc: '2.0', id: 1, result: JSON.parse(listing) })])(
  'with --tools, what no listed tool has is warned of',
  async (list) => {
    const files = { 'p.yaml': asks, 'tools.json': list }
    const { code, out } = await gatehouse(['policy', 'validate', 'p.yaml', '--tools', 'tools.json'], files)
    expect(code).toBe(0)
    expect(out).toMatch(/p\.yaml:3:\d+ warning: .*args\.amuont.*did you mean "amount"/)
    expect(out).toMatch(/p\.yaml:4:\d+ warning: .*the tool "play", which no server has.*did you mean "pay"/)
  },
)

test.each(['nonsense', '[]', '{"tools":{}}'])('--tools takes nothing but a listing: %s', async (list) => {
  const files = { 'p.yaml': asks, 'tools.json': list }
  const { code, err } = await gatehouse(['policy', 'validate', 'p.yaml', '--tools', 'tools.json'], files)
  expect([code, err.includes('tools/list')]).toEqual([MISUSE, true])
})
