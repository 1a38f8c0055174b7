import { describe, expect, test } from 'vitest'
import { gatehouse } from '../../support/node/cli.ts'

const policy = `version: "1"
default: deny
tools:
  pay:
    require: [{ path: args.currency, op: in, value: [usd] }]
    deny_if:
      - conditions: [{ path: session.account, op: eq, value: mallory }]
        on_deny: Not you.
      - conditions: [{ path: grant.label, op: eq, value: Old agent }]
      - conditions: [{ path: time.hour, op: lt, value: 6 }]
      - conditions: [{ path: tool.annotations.destructiveHint, op: eq, value: false }]
    limits:
      - { counter: spend, window: day, max: 100, increment_from: args.amount, scope: account }
      - { counter: calls, window: 60, sliding: true, max: 3 }
  ask: { require_approval: [{ conditions: [] }] }
`
const good = ['--args', '{"currency":"usd","amount":"12.50"}']
const explain = (...words: string[]) =>
  gatehouse(['policy', 'explain', 'p.yaml', ...words], { 'p.yaml': policy })
const firstLine = async (...words: string[]) =>
  (await explain('--tool', 'pay', ...good, ...words)).out.split('\n')[0]

describe('an explained call', () => {
  test('is decided now, by nobody, with nothing counted, where nothing is said', async () => {
    expect(await explain('--tool', 'pay', ...good)).toEqual({
      code: 0,
      out: [
        'pay: allowed by /tools/pay',
        '  /tools/pay/deny_if/0/conditions/0: session.account eq "mallory", saw nothing: fails',
        '  /tools/pay/deny_if/1/conditions/0: grant.label eq "Old agent", saw string: fails',
        '  /tools/pay/deny_if/2/conditions/0: time.hour lt 6, saw number: fails',
        '  /tools/pay/deny_if/3/conditions/0: tool.annotations.destructiveHint eq false, saw boolean: fails',
        '  /tools/pay/require/0: args.currency in ["usd"], saw string: holds',
        '  /tools/pay/limits/0: 100 of 100 left in day of this account, adds 12.5: has room, resets in 43200 s',
        '  /tools/pay/limits/1: 3 of 3 left in any 60 seconds of this grant, adds 1 call: has room, resets in 61 s',
        '',
      ]
        .join('\n')
        .replace('any 60 seconds', 'any minute'),
      err: '',
    })
  })

  test('is denied to an account, a label, an hour, a tool', async () => {
    expect(await firstLine('--account', 'mallory')).toBe(
      'pay: denied (denied) by /tools/pay/deny_if/0: Not you.',
    )
    expect(await firstLine('--label', 'Old agent')).toContain('denied (denied) by /tools/pay/deny_if/1')
    expect(await firstLine('--at', '2030-01-01T05:59:59Z')).toContain(
      'denied (denied) by /tools/pay/deny_if/2',
    )
    expect(await firstLine('--at', '2030-01-01T05:59:59-03:00')).toContain('allowed')
    expect(await firstLine('--annotations', '{"destructiveHint":false}')).toContain('by /tools/pay/deny_if/3')
  })

  test('finds what --counters says was used, in calendar and sliding windows', async () => {
    expect(await firstLine('--counters', '{"/tools/pay/limits/0":"87.5"}')).toContain('allowed')
    expect(await firstLine('--counters', '{"/tools/pay/limits/0":"87.51"}')).toBe(
      'pay: rate limited by /tools/pay/limits/0',
    )
    expect(await firstLine('--counters', '{"/tools/pay/limits/1":2}', '--account', 'ana')).toContain(
      'allowed',
    )
    expect(await firstLine('--counters', '{"/tools/pay/limits/1":3}', '--account', 'ana')).toBe(
      'pay: rate limited by /tools/pay/limits/1',
    )
  })

  test.each([
    [
      '{"/tools/pay/limit/0":1}',
      '--counters with "/tools/pay/limit/0"; allowed: /tools/pay/limits/0, /tools/pay/limits/1; did you mean "/tools/pay/limits/0"?',
    ],
    [
      '{"/tools/pay/limits/0":-1}',
      '--counters with "/tools/pay/limits/0" of -1; allowed: a decimal number, 0 or more',
    ],
    [
      '{"/tools/pay/limits/0":null}',
      '--counters with "/tools/pay/limits/0" of null; allowed: a decimal number, 0 or more',
    ],
    ['3', `--counters 3; allowed: --counters '{"name": …}', a JSON object`],
  ])('refuses --counters %s', async (counters, said) => {
    const { code, err } = await explain('--tool', 'pay', ...good, '--counters', counters)
    expect({ code, err }).toEqual({
      code: 2,
      err: `gatehouse policy explain: found ${said}\nTry: gatehouse policy explain --help\n`,
    })
  })

  test('counters of a tool without limits are refused, too', async () => {
    expect((await explain('--tool', 'ask', '--counters', '{"x":1}')).err).toContain(
      'none: the tool has no limits',
    )
  })

  test('in JSON says what the text says', async () => {
    const limited = ['--counters', '{"/tools/pay/limits/1":3}']
    const json = async (...words: string[]) => JSON.parse((await explain(...words, '--json')).out) as unknown
    expect(await json('--tool', 'pay', ...good)).toMatchObject({
      tool: 'pay',
      action: 'allow',
      rule: '/tools/pay',
      code: null,
      conditions: expect.arrayContaining([expect.objectContaining({ saw: 'string', outcome: 'holds' })]),
      limits: [
        { rule: '/tools/pay/limits/0', hasRoom: true },
        { rule: '/tools/pay/limits/1', hasRoom: true },
      ],
    })
    expect(await json('--tool', 'pay', ...good, ...limited)).toMatchObject({
      action: 'limit',
      rule: '/tools/pay/limits/1',
    })
    expect(await json('--tool', 'ask')).toMatchObject({
      action: 'require_approval',
      code: 'approval_required',
    })
    expect(await json('--tool', 'other')).toMatchObject({ action: 'deny', code: 'default_deny', limits: [] })
  })

  test('never shows an argument’s value', async () => {
    const said = await explain('--tool', 'pay', '--args', '{"currency":"k4n4ry","amount":"k4n4ry"}')
    expect(JSON.stringify(said)).not.toContain('k4n4ry')
  })

  test('needs a policy', async () => {
    const words = ['policy', 'explain', 'p', '--tool', 't']
    expect(await gatehouse(words, { p: '[]' })).toEqual({
      code: 1,
      out: '',
      err: 'p:1:1 (document): found an array; allowed: object\n',
    })
    expect(JSON.parse((await gatehouse([...words, '--json'], { p: '[]' })).out)).toEqual({
      errors: [
        { file: 'p', line: 1, column: 1, pointer: '', found: 'an array', allowed: 'object', nearest: null },
      ],
    })
    expect((await gatehouse(words)).code).toBe(2)
    expect(JSON.parse((await gatehouse([...words, '--json'])).out)).toEqual({
      errors: [{ file: 'p', unreadable: 'no such file or directory' }],
    })
  })
})

test('limits on one counter count once what both are said to have used', async () => {
  const p = JSON.stringify({
    version: '1',
    tools: {
      t: {
        limits: [
          { counter: 'c', window: 'minute', max: 3 },
          { counter: 'c', window: 'minute', max: 5, shadow: true },
        ],
      },
    },
  })
  const counters = '{"/tools/t/limits/0":2,"/tools/t/limits/1":2}'
  const { out } = await gatehouse(['policy', 'explain', 'p', '--tool', 't', '--counters', counters], { p })
  expect(out).toContain('t: allowed by /tools/t\n')
  expect(out).toContain('1 of 3 left')
})
