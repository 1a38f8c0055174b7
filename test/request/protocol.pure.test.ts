/** Messages in the common form are read before the protocol package is loaded; nothing else is tried without it. */
import fc from 'fast-check'
import { beforeAll, expect, test, vi } from 'vitest'

type ReadMessage = typeof import('../../src/request/read-message.ts')
type Protocol = typeof import('../../src/request/protocol.ts')

let fresh: ReadMessage & Protocol

beforeAll(async () => {
  // Other files of this process have loaded the package.
  vi.resetModules()
  fresh = {
    ...(await import('../../src/request/read-message.ts')),
    ...(await import('../../src/request/protocol.ts')),
  }
})

const plainHeaders = { protocolVersion: '2025-11-25', method: null, name: null }
const call = (params: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })

test.each([
  ['a list', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, false],
  ['a call', call({ name: 't', arguments: { a: 1 } }), false],
  ['a call whose arguments are none', call({ name: 't', arguments: 1 }), true],
  [
    'the first message of a client',
    { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } },
    true,
  ],
  ['a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, true],
  ['no message', 'x', true],
])('%s', (_, body, needs) => {
  expect(fresh.isProtocolLoaded()).toBe(false)
  expect(fresh.loadedProtocol).toThrow('loadProtocol comes first')
  expect(fresh.needsProtocol(body, null, plainHeaders)).toBe(needs)
  if (needs) expect(() => fresh.readMessage(body, null, plainHeaders)).toThrow('loadProtocol comes first')
  else expect(fresh.readMessage(body, null, plainHeaders).message.kind).toBe('request')
})

test('whatever is said to need no package is read without it', () => {
  const meta = fc.option(
    fc.dictionary(
      fc.constantFrom('progressToken', 'io.modelcontextprotocol/protocolVersion', 'x'),
      fc.oneof(fc.constantFrom('2026-07-28', '2025-11-25'), fc.integer(), fc.constant({})),
    ),
    { nil: undefined },
  )
  const params = fc.record(
    {
      name: fc.oneof(fc.string(), fc.integer()),
      arguments: fc.oneof(fc.object(), fc.integer()),
      _meta: meta,
    },
    { requiredKeys: [] },
  )
  const message = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', '2.0', '1.0'),
      id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
      method: fc.constantFrom('tools/call', 'tools/list', 'initialize', 'notifications/x', 'ping'),
      params: fc.oneof(params, fc.constant([])),
    },
    { requiredKeys: ['method'] },
  )
  const headers = fc.record({
    protocolVersion: fc.constantFrom(null, '2025-11-25', '2026-07-28', '1'),
    method: fc.constantFrom(null, 'tools/call'),
    name: fc.constantFrom(null, 't'),
  })
  const counts = { read: 0, left: 0 }
  fc.assert(
    fc.property(message, headers, (body, given) => {
      if (fresh.needsProtocol(body, null, given)) counts.left++
      else {
        counts.read++
        fresh.readMessage(body, null, given)
      }
    }),
    { numRuns: 2_000 },
  )
  expect(Math.min(counts.read, counts.left)).toBeGreaterThan(50)
})

test('once it is loaded, nothing needs it', async () => {
  const protocol = await fresh.loadProtocol()
  expect(await fresh.loadProtocol()).toBe(protocol)
  expect(fresh.loadedProtocol()).toBe(protocol)
  expect(fresh.needsProtocol('x', null, plainHeaders)).toBe(false)
  expect(fresh.readMessage('x', null, plainHeaders).message.kind).toBe('refused')
})
