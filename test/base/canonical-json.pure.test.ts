import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/base/canonical-json.ts'

test('the same content is the same text, whatever the order of names', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined, e: true })).toBe(
    '{"b":[1,{"c":"x","d":null}],"e":true}',
  )
})

test('what is too long has none, and costs no more than what is not', () => {
  expect(canonicalJson({ text: 'x'.repeat(10_000_000) }, 100)).toBeNull()
  expect(
    canonicalJson(
      Array.from({ length: 1_000_000 }, () => 1),
      100,
    ),
  ).toBeNull()
  const exact = JSON.stringify({ a: 'x'.repeat(92) })
  expect(canonicalJson(JSON.parse(exact), 100)).toBe(exact)
  expect(canonicalJson({ a: 'x'.repeat(93) }, 100)).toBeNull()
})

test('depth is no danger', () => {
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  expect(canonicalJson(deep)).toHaveLength(200_001)
})
