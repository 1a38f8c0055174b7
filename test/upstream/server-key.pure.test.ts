/** What is known of a server is kept under all that makes it that server. */
import { describe, expect, test } from 'vitest'
import { isSameServer, serverKey } from '../../src/upstream/server-key.ts'

const crm = { name: 'crm', incarnation: 'a', url: 'https://crm.example.com/mcp' }
const others = [
  { ...crm, name: 'crm2' },
  { ...crm, incarnation: 'b' },
  { ...crm, url: 'https://crm.example.com/mcp2' },
]

describe('a server', () => {
  test('is the same with the same name, registration and address', () => {
    expect(isSameServer(crm, { ...crm })).toBe(true)
    expect(serverKey('acme', { ...crm })).toBe(serverKey('acme', crm))
  })

  test.each(others)('is another where one of them differs: %j', (other) => {
    expect(isSameServer(crm, other)).toBe(false)
    expect(serverKey('acme', other)).not.toBe(serverKey('acme', crm))
  })

  test('of another tenant is another', () => {
    expect(serverKey('acme', crm)).not.toBe(serverKey('globex', crm))
  })

  test('has a key that no other combination of parts can spell', () => {
    const one = serverKey('acme', { name: 'a', incarnation: 'b', url: 'c' })
    expect(serverKey('acme', { name: 'a","b', incarnation: '', url: 'c' })).not.toBe(one)
  })
})
