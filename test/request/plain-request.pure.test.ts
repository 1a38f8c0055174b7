/** What is told of a request without the protocol package's schemas is what they say. */
import { classifyInboundRequest } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noteIntroduction, plainRoute } from '../../src/request/plain-request.ts'

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const INFO = 'io.modelcontextprotocol/clientInfo'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'
const STATELESS = '2026-07-28'

type Headers = { readonly protocolVersion: string | null; readonly method: string | null }

function bySchemas(body: unknown, { protocolVersion, method }: Headers) {
  return classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(protocolVersion === null ? {} : { protocolVersionHeader: protocolVersion }),
    ...(method === null ? {} : { mcpMethodHeader: method }),
  })
}

/** The part of a route that is read of it. */
function essence(route: object): object {
  const { requestedVersion: _, ...rest } = route as { requestedVersion?: string }
  return rest
}

const introduction = { [INFO]: { name: 'a', version: '1' }, [CAPABILITIES]: { roots: {} } }
const envelope = { [VERSION]: STATELESS, ...introduction }
const call = (params?: object) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  ...(params === undefined ? {} : { params }),
})

test('a call of the session era is told at once', () => {
  const plain = { kind: 'legacy', reason: 'no-claim' }
  for (const body of [
    call(),
    call({ name: 'a', arguments: {} }),
    call({ _meta: { progressToken: 7, 'gatehouse/session': 'ses_1' } }),
  ])
    for (const protocolVersion of [null, '2025-11-25'])
      expect(plainRoute(body, { protocolVersion, method: null })).toEqual(plain)
})

test('a call of the stateless era is told at once, after the schemas have taken what its client says of itself', () => {
  const headers = { protocolVersion: STATELESS, method: 'tools/call' }
  const meta = { ...envelope, [INFO]: { name: 'new here', version: '1' } }
  expect(plainRoute(call({ _meta: meta }), headers)).toBeNull()
  noteIntroduction(call({ _meta: meta }))
  const body = call({ _meta: { ...meta, progressToken: 'b' } })
  expect(plainRoute(body, headers)).toEqual(bySchemas(body, headers))
  expect(plainRoute(call({ _meta: { ...meta, [CAPABILITIES]: { roots: 7 } } }), headers)).toBeNull()
})

test('nothing said and null are two', () => {
  const { [INFO]: _, ...silent } = envelope
  const headers = { protocolVersion: STATELESS, method: null }
  noteIntroduction(call({ _meta: silent }))
  expect(plainRoute(call({ _meta: silent }), headers)?.kind).toBe(
    bySchemas(call({ _meta: silent }), headers).kind,
  )
  expect(plainRoute(call({ _meta: { ...silent, [INFO]: null } }), headers)).toBeNull()
})

test('what a client says at length of itself is looked at each time', () => {
  const meta = { ...envelope, [INFO]: { name: 'x'.repeat(3_000), version: '1' } }
  noteIntroduction(call({ _meta: meta }))
  expect(plainRoute(call({ _meta: meta }), { protocolVersion: STATELESS, method: null })).toBeNull()
})

const odd = fc.constantFrom<unknown>(null, true, 0, 7, -1, 1.5, 2 ** 53, '', 'x', [], {}, [{}])
const often = <T>(usual: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: usual as fc.Arbitrary<unknown> }, odd)
const versions = fc.constantFrom<string | null>(
  STATELESS,
  STATELESS,
  STATELESS,
  null,
  '2024-11-05',
  '2025-03-26',
  '2025-11-25',
  STATELESS,
  ` ${STATELESS}`,
  '2027-01-01',
  'x',
  '',
)
const capabilities = fc.constantFrom<unknown>(
  {},
  { roots: {} },
  { roots: 7 },
  { elicitation: { form: {} } },
  { tasks: null },
  7,
)
const infos = fc.constantFrom<unknown>(
  { name: 'a', version: '1' },
  { name: 'a' },
  { name: 'a', version: '1', icons: 7 },
  null,
)
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, arbitrary)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const meta = fc
  .record({
    progressToken: optional(often(fc.constantFrom('a', 1))),
    [VERSION]: optional(often(versions.filter((version) => version !== null))),
    [INFO]: optional(infos),
    [CAPABILITIES]: optional(capabilities),
    'io.modelcontextprotocol/logLevel': optional(fc.constantFrom('debug', 'loud', 7)),
    'io.modelcontextprotocol/related-task': optional(fc.constantFrom<unknown>({ taskId: 'a' }, 'a')),
    traceparent: optional(often(fc.constant('00-x'))),
    'gatehouse/session': optional(often(fc.constant('ses_1'))),
  })
  .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)))

/** Where a request of the stateless era comes from: much of it is right. */
const statelessMeta = meta.map((given) => ({ ...given, [VERSION]: STATELESS, ...introduction }))

const bodies = fc
  .record({
    jsonrpc: often(fc.constant('2.0')),
    id: optional(often(fc.constantFrom<unknown>('a', 1, 0))),
    method: optional(
      often(fc.constantFrom('tools/call', 'ping', 'initialize', 'notifications/x', 'server/discover')),
    ),
    params: optional(
      often(
        fc
          .record({ _meta: optional(often(fc.oneof(meta, statelessMeta))), name: optional(fc.constant('a')) })
          .map((record) =>
            Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)),
          ),
      ),
    ),
    result: seldom(fc.constant({})),
    error: seldom(fc.constantFrom<unknown>({ code: 1, message: 'x' }, 7)),
    more: seldom(fc.constant(1)),
  })
  .map((record): unknown =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)),
  )

test('whatever is told without them, the schemas say, too', () => {
  let told = 0
  const eras = new Set<string>()
  fc.assert(
    fc.property(
      fc.oneof({ weight: 20, arbitrary: bodies }, odd),
      versions,
      fc.constantFrom(null, 'tools/call', 'ping'),
      (body, protocolVersion, method) => {
        const headers = { protocolVersion, method }
        const route = bySchemas(body, headers)
        for (const isSecond of [false, true]) {
          // As the gateway does after it has asked them.
          if (isSecond && route.kind === 'modern' && route.messageKind === 'request') noteIntroduction(body)
          const plain = plainRoute(body, headers)
          if (plain === null) continue
          told++
          eras.add(plain.kind)
          expect(essence(plain)).toEqual(essence(route))
        }
      },
    ),
    { numRuns: 10_000 },
  )
  expect(told).toBeGreaterThan(200)
  expect([...eras].toSorted()).toEqual(['legacy', 'modern'])
})
