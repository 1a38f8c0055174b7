/** Talks to the administration API as an operator would. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import type { TenantObject } from '../../src/tenant/object.ts'
import { type Answer, BASE, type Json, send } from './gateway.ts'

export const ROOT = 'gh_root_insecure-local-token'

/** The root token of a deployment that has its own. */
export const OWN_ROOT = 'root-token-of-an-operator-who-has-one'

export function admin(
  method: string,
  path: string,
  body?: unknown,
  token: string | null = ROOT,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
  return send(method, `/api/v1/tenants/${unscanned(method, path)}`, token, { ...type, ...headers }, body)
}

/** Servers of these tests are names of nobody: they are not asked for their tools. */
function unscanned(method: string, path: string): string {
  return method === 'PUT' && /^[^/]+\/servers\/[^/?]+$/.test(path) ? `${path}?scan=false` : path
}

/** The same with other variables and secrets than the test's deployment has. */
export async function adminWith(
  bindings: Partial<Env>,
  method: string,
  path: string,
  body?: unknown,
  base = BASE,
): Promise<Answer> {
  const token = 'ROOT_TOKEN' in bindings ? ROOT : OWN_ROOT
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const init: RequestInit = { method, headers }
  if (body !== undefined) init.body = JSON.stringify(body)
  const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
  const http = new Request(`${base}/api/v1/tenants/${unscanned(method, path)}`, init)
  const response = await app.fetch(http, { ...env, ROOT_TOKEN: OWN_ROOT, ...bindings } as Env, context)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? null : (JSON.parse(text) as Json),
  }
}

export function tenantObject(tenant: string): DurableObjectStub<TenantObject> {
  return env.TENANT.getByName(tenant)
}

/** Runs `query` on a tenant's own database. */
export function tenantRows<T extends Record<string, SqlStorageValue>>(
  tenant: string,
  query: string,
): Promise<T[]> {
  return runInDurableObject(tenantObject(tenant), (_, state) => state.storage.sql.exec<T>(query).toArray())
}

/** Makes a grant, with a policy of the same name, and returns its token. */
export async function makeGrant(
  tenant: string,
  grant: string,
  policy: unknown = { version: '1', default: 'allow' },
  document: Json = {},
): Promise<string> {
  await admin('PUT', `${tenant}/policies/${grant}`, policy)
  const { status, body } = await admin('PUT', `${tenant}/grants/${grant}`, { policy: grant, ...document })
  if (status !== 201) throw new Error(`grant: ${status} ${JSON.stringify(body)}`)
  return String(body?.token)
}

/** Makes a person with a role, and returns their token. */
export async function makePerson(
  tenant: string,
  name: string,
  role: string,
  email: string | null = null,
): Promise<string> {
  await admin('PUT', `${tenant}/people/${name}`, { role, ...(email === null ? {} : { email }) })
  const { status, body } = await admin('POST', `${tenant}/people/${name}/token`, {})
  if (status !== 201) throw new Error(`token: ${status} ${JSON.stringify(body)}`)
  return String(body?.token)
}

/** The names of everything that an object has stored, and its alarm. */
export function remains(object: DurableObjectStub): Promise<{ tables: string[]; alarm: number | null }> {
  return runInDurableObject(object, async (_, state) => ({
    tables: state.storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray()
      .map(({ name }) => name),
    alarm: await state.storage.getAlarm(),
  }))
}
