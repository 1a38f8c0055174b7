/** An MCP request that does not pass the router is answered as the router would have it answered. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { app, router } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { endpointOf } from '../../src/mcp/endpoint-of.ts'
import { BASE, DEMO_TOKEN, envelope, fresh, request, STATELESS } from '../support/gateway.ts'

beforeEach(fresh)

const authorized = { authorization: `Bearer ${DEMO_TOKEN}` }
const whoami = request('tools/call', { name: 'auth_whoami', arguments: {}, _meta: envelope })
const named = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/call', 'mcp-name': 'auth_whoami' }

/** Everything of an answer that does not differ from request to request. */
async function answered(
  fetch: (http: Request, env: Env, execution: ExecutionContext) => Response | Promise<Response>,
  headers: Record<string, string>,
  body: unknown,
  { path = '/mcp', bindings = env }: { readonly path?: string; readonly bindings?: Env } = {},
) {
  const execution = createExecutionContext()
  const http = new Request(`${BASE}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  expect(endpointOf(http)).not.toBeNull()
  const response = await fetch(http, bindings, execution)
  const text = await response.text()
  await waitOnExecutionContext(execution)
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  return { status: response.status, names: [...response.headers.keys()], text }
}

const unbound = { ...env, PRINCIPAL: undefined } as unknown as Env
const broken: Env = {
  ...env,
  get MAX_BODY_BYTES(): string {
    throw new RangeError('an error of our own')
  },
}

test.each<[string, Record<string, string>, unknown, { path?: string; bindings?: Env }]>([
  ['a call', { ...authorized, ...named }, whoami, {}],
  ['a call at a server', { ...authorized, ...named }, whoami, { path: '/mcp/session' }],
  ['no token', {}, whoami, {}],
  ['a wrong token', { authorization: 'Bearer gh_demo_agent_wrong' }, whoami, {}],
  ['the tenant of another', { ...authorized, ...named }, whoami, { path: '/t/acme/mcp' }],
  ['a server that there is not', { ...authorized, ...named }, whoami, { path: '/mcp/nothing' }],
  ['no JSON', authorized, '{', {}],
  ['no session', { ...authorized, 'mcp-protocol-version': '2025-11-25' }, whoami, {}],
  ['headers that are too large', { ...authorized, 'x-long': 'x'.repeat(20_000) }, whoami, {}],
  ['a request that has come back', { ...authorized, 'gatehouse-hop': 'a, b, c, d' }, whoami, {}],
  ['a principal that cannot be asked', { ...authorized, ...named }, whoami, { bindings: unbound }],
  ['an error of our own', { ...authorized, ...named }, whoami, { bindings: broken }],
])('%s', async (_, headers, body, options) => {
  const [own, routed] = [
    await answered(app.fetch, headers, body, options),
    await answered((...given) => router.fetch(...given), headers, body, options),
  ]
  expect(own).toEqual(routed)
})
