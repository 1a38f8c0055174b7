/** What is typed for a template or a prompt, in `policy explain` and in files of cases: judged as the gateway judges it. */
import { describe, expect, test } from 'vitest'
import { gatehouse } from '../support/node/cli.ts'

const policy = `version: "1"
default: deny
resources:
  files+n://*: { deny_if: [{ conditions: [{ path: args.uri, op: eq, value: secret }] }] }
  files+n://hidden/*: { hide: true }
prompts:
  notes__*: { require: [{ path: completion.context.tone, op: eq, value: kind }] }
`
const run = (words: readonly string[], files: Record<string, string> = {}) =>
  gatehouse(words, { 'p.yaml': policy, ...files })
const explain = async (...words: string[]) => {
  const { out, err } = await run(['policy', 'explain', 'p.yaml', ...words])
  return (out === '' ? err : out).split('\n')[0]
}
const typed = (name: string, value: string, tone?: string) =>
  JSON.stringify({
    argument: { name, value },
    ...(tone === undefined ? {} : { context: { arguments: { tone } } }),
  })

describe('explained', () => {
  test.each([
    [
      ['--resource', 'files+n://{uri}', '--completion', typed('uri', 'open')],
      'allowed by /resources/files+n:~1~1*',
    ],
    [['--resource', 'files+n://{uri}', '--completion', typed('uri', 'secret')], 'denied (denied)'],
    [['--resource', 'files+n://{+p}', '--completion', typed('p', 'hidden/x')], 'denied (hidden)'],
    [
      ['--prompt', 'notes__draft', '--completion', typed('length', 's', 'kind')],
      'allowed by /prompts/notes__*',
    ],
    [['--prompt', 'notes__draft', '--completion', typed('length', 's', 'rude')], 'denied (denied)'],
    [['--prompt', 'notes__draft', '--completion', typed('length', 's')], 'denied (denied)'],
    [['--tool', 't', '--completion', typed('a', 'b')], '--completion beside --resource or --prompt'],
    [['--prompt', 'notes__draft', '--args', '{}', '--completion', typed('a', 'b')], 'allowed: one of them'],
    [['--prompt', 'notes__draft', '--completion', '[]'], '--completion an array'],
    [['--prompt', 'notes__draft', '--completion', '{"argument":{"name":"a"}}'], 'with another object'],
  ])('%j', async (words, expected) => {
    expect(await explain(...words)).toContain(expected)
  })
})

test('played', async () => {
  const cases = `policy: p.yaml
cases:
  - { name: open, resource: "files+n://{uri}", completion: { argument: { name: uri, value: open } }, expect: allow }
  - { name: typed, resource: "files+n://{uri}", completion: { argument: { name: uri, value: secret } }, expect: deny }
  - { name: below, resource: "files+n://{+p}", completion: { argument: { name: p, value: hidden/x } }, expect: hidden }
  - name: settled
    prompt: notes__draft
    completion: { argument: { name: length, value: s }, context: { arguments: { tone: kind } } }
    expect: allow
`
  const { code, out } = await run(['policy', 'test', 't.yaml'], { 't.yaml': cases })
  expect({ code, last: out.trim().split('\n').at(-1) }).toEqual({ code: 0, last: '4 passed, 0 failed' })
})

test.each([
  [
    '{ name: a, tool: t, completion: { argument: { name: a, value: b } }, expect: deny }',
    'allowed: resource or prompt beside it',
  ],
  [
    '{ name: a, prompt: s__p, args: {}, completion: { argument: { name: a, value: b } }, expect: deny }',
    'allowed: args or completion, not both',
  ],
  [
    '{ name: a, prompt: s__p, completion: { argument: { name: a, valeu: b } }, expect: deny }',
    'did you mean "value"',
  ],
])('a case says no completion that nobody makes: %s', async (one, said) => {
  const { code, err } = await run(['policy', 'test', 't.yaml'], {
    't.yaml': `policy: p.yaml\ncases: [${one}]`,
  })
  expect(code).toBe(1)
  expect(err).toContain(said)
})
