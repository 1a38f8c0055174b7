/** Whose session with a server it is, and what the server is told of who may use it. */
import { describe, expect, test } from 'vitest'
import { type Client, ownerOf, profileOf } from '../../src/request/client.ts'

const client = (capabilities: Client['capabilities'], era: Client['era'] = 'stateless'): Client => ({
  era,
  protocolVersion: '2026-07-28',
  capabilities,
  clientInfo: { name: 'agent', version: '1' },
})

describe('clients of the stateless era', () => {
  test.each([
    [{}, { experimental: { n1: {} } }],
    [{}, { extensions: { 'com.example/x': {} }, tasks: {}, sampling: null }],
    [{ elicitation: {} }, { elicitation: { form: {} } }],
    [{ roots: {} }, { roots: { listChanged: true, n: 1 } }],
    [
      { sampling: { tools: {} }, roots: {} },
      { roots: {}, sampling: { tools: { n: 1 }, other: {} } },
    ],
  ])('that can be asked the same share a session, the same whoever opens it: %j and %j', (one, other) => {
    expect(ownerOf(client(one))).toBe(ownerOf(client(other)))
    expect(profileOf(client(one))).toEqual(profileOf(client(other)))
  })

  test('that can be asked something else do not', () => {
    const all = [
      {},
      { elicitation: {} },
      { elicitation: { url: {} } },
      { elicitation: { url: {}, form: {} } },
      { sampling: {} },
      { sampling: { tools: {} } },
      { sampling: { context: {} } },
      { sampling: { tools: {}, context: {} } },
      { roots: {} },
    ]
    expect(new Set(all.map((it) => ownerOf(client(it)))).size).toBe(all.length)
  })

  test('are introduced with what they can be asked', () => {
    const capabilities = { elicitation: { url: {} }, sampling: { tools: {} }, roots: {}, experimental: {} }
    expect(profileOf(client(capabilities))).toMatchObject({
      capabilities: { elicitation: { url: {} }, sampling: { tools: {} }, roots: {} },
    })
  })
})

test('a client of the session era has a session of its own, and says of itself what it says', () => {
  const capabilities = { experimental: { n: {} } }
  expect(ownerOf(client(capabilities, 'session'))).toBeNull()
  expect(profileOf(client(capabilities, 'session'))).toMatchObject({ capabilities })
})
