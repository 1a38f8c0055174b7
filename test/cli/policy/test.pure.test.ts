/** `policy test`, tested. */
import { describe, expect, test } from 'vitest'
import { gatehouse } from '../../support/node/cli.ts'

const policy = `version: "1"
default: deny
hide: [gone]
all_tools:
  deny_if: [{ conditions: [{ path: args.watched, op: eq, value: true }], shadow: true }]
tools:
  pay:
    deny_if: [{ conditions: [{ path: args.amount, op: gt, value: 100 }], on_deny: Too much. }]
    limits:
      - { counter: calls, window: minute, max: 2, on_deny: Slowly. }
      - { counter: quiet, window: minute, max: 1, shadow: true }
  ask: { require_approval: [{ conditions: [] }], limits: [{ counter: c, window: minute, max: 0 }] }
  each: { limits: [{ counter: c, window: minute, max: 1, scope: session }] }
  whose: { limits: [{ counter: c, window: minute, max: 1, scope: account }] }
  noon: { require: [{ path: time.hour, op: eq, value: 12 }, { path: time.weekday, op: eq, value: tuesday }] }
  told: { require: [{ path: grant.label, op: eq, value: Agent }, { path: tool.annotations.title, op: eq, value: T }] }
`
const play = (cases: string, ...words: string[]) =>
  gatehouse(['policy', 'test', 'dir/t.yaml', ...words], {
    'dir/t.yaml': `policy: p.yaml\ncases:\n${cases}`,
    'dir/p.yaml': policy,
  })
const one = async (text: string) => {
  const { code, out } = await play(`  - { name: it, ${text} }\n`)
  return { code, said: out.split('\n').slice(1, -2) }
}
const passed = { code: 0, said: ['  ✓ it'] }

describe('a case passes', () => {
  test.each([
    'tool: pay, expect: allow, rule: /tools/pay',
    'tool: pay, args: { amount: 101 }, expect: deny, rule: /tools/pay/deny_if/0, message: Too much.',
    'tool: gone, expect: hidden, rule: (hidden)',
    'tool: bank__pay, args: { amount: 101 }, expect: deny, rule: /tools/pay/deny_if/0',
    'tool: bank__gone, expect: hidden, rule: (hidden)',
    'tool: other, expect: deny, rule: (default deny)',
    'tool: ask, expect: approval, repeat: 3',
    'tool: pay, repeat: 2, expect: allow',
    'sequence: [{ tool: pay, repeat: 2, expect: allow }, { tool: pay, expect: limit, message: Slowly. }]',
    'sequence: [{ tool: each, session: a, expect: allow }, { tool: each, session: b, expect: allow }]',
    'sequence: [{ tool: each, expect: allow }, { tool: each, session: null, expect: limit }]',
    'sequence: [{ tool: whose, account: a, expect: allow }, { tool: whose, account: b, expect: allow }]',
    'account: a, sequence: [{ tool: whose, expect: allow }, { tool: whose, expect: limit }, { tool: whose, account: b, expect: allow }]',
    'account: a, sequence: [{ tool: whose, expect: allow }, { tool: whose, account: null, expect: allow }]',
    'sequence: [{ tool: pay, repeat: 2, expect: allow }, { tool: pay, at: "2030-01-01T12:01:00Z", expect: allow }]',
    'tool: noon, expect: allow',
    'tool: noon, at: "2030-01-01T14:00:00+02:00", expect: allow',
    'tool: noon, at: "2030-01-02T12:00:00Z", expect: deny, rule: /tools/noon/require/1',
    'tool: told, label: Agent, annotations: { title: T }, expect: allow',
    'tool: told, label: Agent, expect: deny, rule: /tools/told/require/1',
    'tool: pay, args: { watched: true }, expect: allow, shadow: [/all_tools/deny_if/0]',
    'tool: pay, expect: allow, shadow: []',
    'sequence: [{ tool: pay, expect: allow }, { tool: pay, expect: allow, shadow: [/tools/pay/limits/1] }]',
  ])('%s', async (text) => {
    expect(await one(text)).toEqual(passed)
  })
})

describe('a case fails, and says what was expected and what came', () => {
  test.each([
    ['tool: pay, expect: deny', ['deny', 'allow by /tools/pay']],
    ['tool: gone, expect: deny', ['deny', 'hidden by (hidden): The tool "gone" is not available.']],
    ['tool: pay, expect: allow, rule: /tools/pa', ['allow by /tools/pa', 'allow by /tools/pay']],
    [
      'tool: pay, args: { amount: 101 }, expect: deny, message: No.',
      ['deny: No.', 'deny by /tools/pay/deny_if/0: Too much.'],
    ],
    ['tool: pay, expect: allow, message: Yes.', ['allow: Yes.', 'allow by /tools/pay']],
    [
      'tool: pay, expect: allow, shadow: [/x]',
      ['allow; in shadow: /x', 'allow by /tools/pay; in shadow: nothing'],
    ],
    [
      'tool: pay, repeat: 5, expect: allow',
      ['allow', 'limit by /tools/pay/limits/0: Slowly.', 'at call 3 of 5'],
    ],
    [
      'sequence: [{ tool: pay, expect: allow }, { tool: pay, expect: limit }]',
      ['limit', 'allow by /tools/pay', 'at call 2 of 2'],
    ],
  ])('%s', async (text, [expected, came, ...at]) => {
    expect(await one(text)).toEqual({
      code: 1,
      said: [
        '  ✗ it',
        `      expected ${expected}`,
        `      came     ${came}`,
        ...at.map((it) => `      ${it}`),
      ],
    })
  })
})

test('cases share no counters, and the closing line counts them over all files', async () => {
  const file = 'policy: p\ncases: [{ name: a, tool: t, expect: allow }, { name: b, tool: t, expect: allow }]'
  const p = JSON.stringify({
    version: '1',
    tools: { t: { limits: [{ counter: 'c', window: 'day', max: 1 }] } },
  })
  const other = 'policy: p\ncases: [{ name: c, tool: t, repeat: 2, expect: allow }]'
  expect(await gatehouse(['policy', 'test', '-', 'other'], { '-': file, other, p })).toEqual({
    code: 1,
    out: [
      '-',
      '  ✓ a',
      '  ✓ b',
      'other',
      '  ✗ c',
      '      expected allow',
      '      came     limit by /tools/t/limits/0',
      '      at call 2 of 2',
      '2 passed, 1 failed',
      '',
    ].join('\n'),
    err: '',
  })
})

test('in JSON', async () => {
  const cases =
    '  - { name: a, tool: pay, expect: allow }\n  - { name: b, tool: pay, rule: /x, expect: deny }\n'
  const { code, out, err } = await play(cases, '--json')
  expect({ code, err }).toEqual({ code: 1, err: '' })
  const failure = {
    call: 1,
    of: 1,
    expected: { expect: 'deny', rule: '/x' },
    came: { verdict: 'allow', rule: '/tools/pay', message: null, shadow: [] },
  }
  expect(JSON.parse(out)).toEqual({
    ok: false,
    passed: 1,
    failed: 1,
    files: [
      {
        file: 'dir/t.yaml',
        ok: false,
        cases: [
          { name: 'a', ok: true, failure: null },
          { name: 'b', ok: false, failure },
        ],
      },
    ],
  })
})

describe('a file of cases with problems is not played', () => {
  test('every problem is named, with its place', async () => {
    const { code, out, err } = await gatehouse(['policy', 'test', 't'], {
      t: `policy: 7
case: []
cases:
  - { name: a, tool: pay, expct: allow }
  - { name: b, tool: pay, expect: alow, at: noon, repeat: 0 }
  - { name: c, sequence: [{ tool: pay, expect: allow, name: x }], repeat: 2 }
  - { name: d, sequence: [] }
  - { tool: pay, args: [1], expect: allow }
`,
    })
    expect({ code, out }).toEqual({ code: 1, out: '0 passed, 0 failed\n' })
    expect(err.trim().split('\n')).toMatchInlineSnapshot(`
      [
        "t:1:9 /policy: found 7; allowed: string",
        "t:4:5 /cases/0/expect: found nothing; allowed: "allow", "deny", "hidden", "limit", "approval"",
        "t:4:27 /cases/0/expct: found the unknown name "expct"; allowed: name, account, session, label, at, tool, resource, prompt, args, completion, annotations, repeat, expect, rule, message, shadow; did you mean "expect"?",
        "t:5:45 /cases/1/at: found "noon"; allowed: a moment with its zone, such as 2030-01-01T12:00:00Z",
        "t:5:59 /cases/1/repeat: found 0; allowed: a whole number from 1 to 100000",
        "t:5:35 /cases/1/expect: found "alow"; allowed: "allow", "deny", "hidden", "limit", "approval"; did you mean "allow"?",
        "t:6:55 /cases/2/sequence/0/name: found the unknown name "name"; allowed: account, session, label, at, tool, resource, prompt, args, completion, annotations, repeat, expect, rule, message, shadow",
        "t:6:67 /cases/2/repeat: found the unknown name "repeat"; allowed: name, account, session, label, at, sequence",
        "t:7:26 /cases/3/sequence: found an array; allowed: at least one call",
        "t:8:5 /cases/4/name: found nothing; allowed: string",
        "t:8:24 /cases/4/args: found an array; allowed: record",
        "t:2:1 /case: found the unknown name "case"; allowed: policy, cases; did you mean "cases"?",
      ]
    `)
  })

  test.each([
    ['policy: p', 't:1:1 /cases: found nothing; allowed: array'],
    ['policy: p\ncases: []', 't:2:8 /cases: found an array; allowed: at least one case'],
    ['[]', 't:1:1 (document): found an array; allowed: object'],
    ['policy: p\npolicy: q', 't:2:1 /policy: found the name "policy" again; allowed: each name once'],
    [
      'policy: gone\ncases: [{ name: a, tool: t, expect: allow }]',
      't:1:9 /policy: found "gone": no such file or directory; allowed: the file of a policy, relative to this one',
    ],
    [
      'policy: bad\ncases: [{ name: a, tool: t, expect: allow }]',
      'bad:1:1 /version: found nothing; allowed: "1"',
    ],
  ])('%j', async (t, said) => {
    const { code, err } = await gatehouse(['policy', 'test', 't'], { t, bad: '{}' })
    expect({ code, err: err.trim() }).toEqual({ code: 1, err: said })
  })

  test('and keeps no other from being played', async () => {
    const good = 'policy: p\ncases: [{ name: a, tool: t, expect: deny }]'
    const { code, out, err } = await gatehouse(['policy', 'test', 'gone', 'good'], {
      good,
      p: '{"version":"1"}',
    })
    expect({ code, err }).toEqual({ code: 2, err: 'gone: cannot be read: no such file or directory\n' })
    expect(out).toBe('good\n  ✓ a\n1 passed, 0 failed\n')
  })
})
