/** Deployments with other encryption keys, and calls through them. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { tenantObject } from './admin.ts'
import { BASE, envelope, type Json, principal, STATELESS } from './gateway.ts'

export type Keys = Pick<Env, 'ENCRYPTION_KEYS'>

const key = (id: string, fill: number) => `${id}:${new Uint8Array(32).fill(fill).toBase64()}`
export const OLD: Keys = { ENCRYPTION_KEYS: key('k1', 1) }
/** The new key opens, but does not seal yet. */
export const OLD_AND_NEW: Keys = { ENCRYPTION_KEYS: `${key('k1', 1)},${key('k2', 2)}` }
export const NEW_AND_OLD: Keys = { ENCRYPTION_KEYS: `${key('k2', 2)},${key('k1', 1)}` }
export const NEW: Keys = { ENCRYPTION_KEYS: key('k2', 2) }

/** What the tenant's object takes for the deployment's keys, and, more than that, its environment. */
export const tenantHas = (bindings: Partial<Env>, tenant = 'acme') =>
  runInDurableObject(tenantObject(tenant), (instance) => {
    Object.assign(instance, { env: { ...env, ...bindings } })
  })

/** What a principal takes for the deployment's keys. */
export const principalHas = (bindings: Partial<Env>, name = 'acme/bot') =>
  runInDurableObject(principal(name), (instance) => {
    Object.assign(instance, { env: { ...env, ...bindings } })
  })

export const objectsHave = async (bindings: Partial<Env>) => {
  await tenantHas(bindings)
  await principalHas(bindings)
}

const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext

/** A request to a deployment with these keys. */
export const fetchWith = (bindings: Partial<Env>, path: string, init: RequestInit): Promise<Response> =>
  Promise.resolve(app.fetch(new Request(`${BASE}${path}`, init), { ...env, ...bindings } as Env, context))

let id = 0

/** A tool's result in the stateless era, from a deployment with these keys; null where there was none. */
export async function callWith(
  bindings: Partial<Env>,
  token: string,
  name: string,
  args: Json = {},
  path = '/mcp',
): Promise<{
  readonly isError?: boolean
  readonly structuredContent?: Json
  readonly content?: Json[]
} | null> {
  const params = { name, arguments: args, _meta: envelope }
  const response = await fetchWith(bindings, path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': STATELESS,
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'tools/call', params }),
  })
  const text = await response.text()
  if (response.status !== 200) return null
  const data = text.startsWith('{') ? text : (text.match(/^data: (\{.*)$/m)?.[1] ?? '{}')
  return (JSON.parse(data) as { result?: Json }).result ?? null
}
