/** What names a call and its approval: ids, links, canonical text. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { approvalId, approvalUrl, grantOfApproval } from '../../src/approvals/id.ts'
import { publicOrigin, publicUrlProblem } from '../../src/approvals/origin.ts'
import { canonicalJson } from '../../src/canonical-json.ts'

test('an id names its grant; anything else is none', () => {
  const id = approvalId('support-bot', '01234567-89ab-cdef-0123-456789abcdef')
  expect(id).toBe('apr_support-bot_0123456789abcdef0123456789abcdef')
  expect(grantOfApproval(id)).toBe('support-bot')
  for (const text of [
    '',
    'apr_',
    `${id}0`,
    id.toUpperCase(),
    id.slice(1),
    `apr_a/b_${'0'.repeat(32)}`,
    `${id}\n`,
  ])
    expect(grantOfApproval(text)).toBeNull()
})

test('a link begins with PUBLIC_URL, or with where the request went', () => {
  expect(approvalUrl(publicOrigin({}, 'http://127.0.0.1:8787/mcp?x=1'), 'apr_x')).toBe(
    'http://127.0.0.1:8787/approvals/apr_x',
  )
  expect(publicOrigin({ PUBLIC_URL: 'https://gate.example/' }, 'http://127.0.0.1/mcp')).toBe(
    'https://gate.example',
  )
  expect(publicOrigin({ PUBLIC_URL: '' }, 'http://127.0.0.1/mcp')).toBe('http://127.0.0.1')
})

test('a PUBLIC_URL that cannot be meant is said so', () => {
  for (const good of [undefined, '', 'https://gate.example', 'http://localhost:8787/'])
    expect(publicUrlProblem(good === undefined ? {} : { PUBLIC_URL: good })).toBeNull()
  for (const bad of [
    'gate.example',
    'ftp://gate.example',
    'https://gate.example/base',
    'https://gate.example/?a',
  ])
    expect(publicUrlProblem({ PUBLIC_URL: bad })).toContain('PUBLIC_URL')
})

/** The same value with the names of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, shuffled(inner)]),
  )
}

test('one value has one canonical text, whatever the order of its names, and it says the same', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      const canonical = canonicalJson(value)
      expect(canonicalJson(shuffled(value))).toBe(canonical)
      expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('two values have two', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (a, b) => {
      const [left, right] = [a, b].map((text) => canonicalJson(JSON.parse(text)))
      if (left !== right) return
      expect(JSON.parse(left ?? '')).toEqual(JSON.parse(right ?? ''))
    }),
  )
  const texts = ['{"a":1}', '{"a":"1"}', '{"a":[1]}', '{"a":null}', '{}', '[]', '{"a":{"b":1}}', '{"a.b":1}']
  expect(new Set(texts.map((text) => canonicalJson(JSON.parse(text)))).size).toBe(texts.length)
})
