/** Secrets at rest: what was sealed opens with its key, for its own purpose, and for nothing else. */
import { describe, expect, test } from 'vitest'
import type { Env } from '../../src/contract/env.ts'
import { open, seal, secretKeys, secretKeysProblem } from '../../src/secrets/seal.ts'

const key = (fill: number) => new Uint8Array(32).fill(fill).toBase64()
const keysOf = (text: string) => {
  const keys = secretKeys({ ENCRYPTION_KEYS: text } as Env)
  if (keys === null) throw new Error('no keys')
  return keys
}
const old = keysOf(`old:${key(1)}`)
const rotated = keysOf(`new:${key(2)},\n old:${key(1)}`)

test('what was sealed opens for the same context', async () => {
  const sealed = await seal(old, 'Bearer äöü 🔑', 'acme/crm/authorization')
  expect(sealed).toMatch(/^v1\.old\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/)
  expect(sealed).not.toContain('Bearer')
  expect(await open(old, sealed, 'acme/crm/authorization')).toBe('Bearer äöü 🔑')
})

test('the same text is never sealed the same way twice', async () => {
  expect(await seal(old, 'x', 'c')).not.toBe(await seal(old, 'x', 'c'))
})

test('the first key seals, all of them open: so keys are rotated', async () => {
  const before = await seal(old, 'secret', 'c')
  expect(await open(rotated, before, 'c')).toBe('secret')
  expect(await seal(rotated, 'secret', 'c')).toMatch(/^v1\.new\./)
  await expect(open(old, await seal(rotated, 'secret', 'c'), 'c')).rejects.toMatchObject({
    code: 'unknown_key',
  })
})

test.each([
  ['another tenant', 'other/crm/authorization'],
  ['another server', 'acme/erp/authorization'],
  ['another header', 'acme/crm/x-key'],
])('it does not open for %s', async (_, context) => {
  const sealed = await seal(old, 'secret', 'acme/crm/authorization')
  await expect(open(old, sealed, context)).rejects.toMatchObject({ code: 'wrong_key_or_context' })
})

test('it does not open with another key of the same name, or changed', async () => {
  const sealed = await seal(old, 'secret', 'c')
  await expect(open(keysOf(`old:${key(9)}`), sealed, 'c')).rejects.toMatchObject({
    code: 'wrong_key_or_context',
  })
  const changed = sealed.replace(/\.(.)([^.]*)$/, (_, first, rest) => `.${first === 'A' ? 'B' : 'A'}${rest}`)
  await expect(open(old, changed, 'c')).rejects.toThrow()
})

test.each([
  '',
  'secret',
  'v2.old.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA',
  'v1.old.AAAA.AAAA',
  'v1.old.*.*',
  'v1.a.b.c.d',
])('what is no sealed text is refused: %j', async (text) => {
  await expect(open(old, text, 'c')).rejects.toMatchObject({ code: 'malformed' })
})

describe('ENCRYPTION_KEYS', () => {
  test('none are none; in the local demo there is a published one', async () => {
    expect(secretKeys({} as Env)).toBeNull()
    expect(secretKeys({ ENCRYPTION_KEYS: ' ' } as Env)).toBeNull()
    const demo = secretKeys({ DEMO: 'true' } as Env)
    if (demo === null) throw new Error('no demo key')
    expect(await open(demo, await seal(demo, 'x', 'c'), 'c')).toBe('x')
    expect(secretKeysProblem({} as Env)).toBeNull()
  })

  test.each([
    [',', 'ENCRYPTION_KEYS has no entry; allowed: id:base64, separated by commas'],
    ['nocolon', 'ENCRYPTION_KEYS: entry 1 of 1 has no colon; allowed: id:base64 of 32 bytes'],
    [`a:${key(1)} nocolon`, 'ENCRYPTION_KEYS: entry 2 of 2 has no colon; allowed: id:base64 of 32 bytes'],
    [
      `a.b:${key(1)}`,
      'ENCRYPTION_KEYS: entry 1 of 1 has an id of 3 characters; allowed: an id of 1 to 32 of A-Z a-z 0-9 -',
    ],
    [`a:${key(1)},a:${key(2)}`, 'ENCRYPTION_KEYS: entry 2 of 2 has the id a again; allowed: each id once'],
    ['a:§§', 'ENCRYPTION_KEYS: entry 1 of 1 (a) is not base64; allowed: base64 of 32 bytes'],
    ['a:AAAA', 'ENCRYPTION_KEYS: entry 1 of 1 (a) has 3 bytes; allowed: base64 of 32 bytes'],
  ])('%j cannot be meant', (ENCRYPTION_KEYS, problem) => {
    expect(secretKeysProblem({ ENCRYPTION_KEYS } as Env)).toBe(problem)
    expect(secretKeys({ ENCRYPTION_KEYS } as Env)).toBeNull()
  })
})
