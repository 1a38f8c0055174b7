/**
 * Runs the routes of the administration API: authenticate, check the role, read what was sent, then the route's own
 * work. A caller who may not know whether a tenant exists gets the same bytes whether it does or not.
 */
import type { Hono } from 'hono'
import { problem } from '../base/errors.ts'
import { isLocalDemo } from '../base/local-switches.ts'
import type { WorkerContext } from '../contract/env.ts'
import { tenantObject } from '../contract/objects.ts'
import type { Expected } from '../contract/tenant.ts'
import { DEMO_TENANT } from '../demo/token.ts'
import { bearerToken, isGrantToken } from '../names/tokens.ts'
import { problemsOf } from '../policy/issues.ts'
import { describeProblem } from '../policy/problem.ts'
import { invalid, nameProblem, noSuchTenant } from './answers.ts'
import type { AdminContext, Who } from './context.ts'
import { type ReadDocument, readJson, readJsonOrYaml } from './document.ts'
import { idempotent } from './idempotency.ts'
import type { Call, Route } from './route.ts'
import { actorOf, authenticate, may } from './who.ts'

const LONGEST_REASON = 500
const SEED_BYTES = 32

/** Adds routes to the app. */
export function mount(app: Hono<WorkerContext>, routes: readonly Route[]): void {
  for (const route of routes) app.on(route.method, route.path, (c) => serve(route, c))
  for (const path of ['/api/v1/tenants/:tenant/*', '/api/v1/*']) {
    app.all(path, async (c) => ((await authenticate(c)) === null ? unauthorized(c) : nothingHere()))
  }
}

async function serve(route: Route, c: AdminContext): Promise<Response> {
  const params = c.req.param() as Record<string, string>
  const tenant = params.tenant ?? ''
  let who: Who | null = null
  if (route.role !== 'public') {
    who = await authenticate(c)
    if (who === null) return unauthorized(c)
    if (!may(who, route.role)) return forbidden(route.role)
    const refusal = 'tenant' in params ? tenantRefusal(c, tenant) : null
    if (refusal !== null) return refusal
    if ('tenant' in params && needsTenant(route, who, c.req.query()) && !(await isThere(c, tenant)))
      return noSuchTenant(tenant)
  }
  const { reason: asked, ...given } = c.req.query()
  const reason = asked ?? c.req.header('x-gatehouse-reason') ?? null
  if (reason !== null && reason.length > LONGEST_REASON)
    return problem(400, 'Invalid query', `reason is longer than ${LONGEST_REASON} characters`)
  const query = route.query?.safeParse(given)
  if (query?.success === false) {
    const problems = problemsOf(query.error.issues, given).map(describeProblem)
    return problem(400, 'Invalid query', problems[0] ?? '', { headers: {}, more: { problems } })
  }
  const expected = readExpected(c)
  if (expected === null)
    return problem(400, 'Invalid condition', 'If-Match takes entity tags or *; If-None-Match takes * alone')
  const body = await readBody(route, c)
  if (!body.ok) return body.response
  const actor = who === null ? '' : actorOf(who)
  const call: Call = {
    c,
    env: c.env,
    who: who ?? { kind: 'root' },
    actor,
    reason,
    tenant,
    get object() {
      return tenantObject(c.env, tenant)
    },
    params,
    query: query?.data ?? {},
    body: body.document,
    text: body.text,
    expected,
    by: { actor, reason, expected },
    seed: crypto.getRandomValues(new Uint8Array(SEED_BYTES)),
  }
  const key = route.creates === true ? (c.req.header('idempotency-key') ?? null) : null
  const response = key === null ? await route.handle(call) : await idempotent(route, call, key, body.text)
  return notModified(c, response) ? new Response(null, { status: 304, headers: response.headers }) : response
}

/** RFC 9110, 13.1.2. */
function notModified(c: AdminContext, response: Response): boolean {
  const tag = response.headers.get('etag')
  if (c.req.method !== 'GET' || response.status !== 200 || tag === null) return false
  const known = (c.req.header('if-none-match') ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(tag) || known.includes('*')
}

/** Says of a token how it begins, and nothing else: neither whether it is any good nor whether a tenant exists. */
function unauthorized(c: AdminContext): Response {
  const challenge = { 'www-authenticate': 'Bearer realm="gatehouse-admin"' }
  const token = bearerToken(c.req.header('authorization') ?? null) ?? ''
  const detail = isGrantToken(token)
    ? `This is the token of a grant, which an agent presents at /mcp. ${NEEDED}`
    : NEEDED
  return problem(401, 'Unauthorized', detail, { headers: challenge })
}

const NEEDED =
  'The administration API takes the root token, or a token of a person of the tenant (gha_<tenant>_<person>_…).'

function nothingHere(): Response {
  return problem(404, 'Not found', 'There is nothing here.')
}

function forbidden(role: string): Response {
  return problem(403, 'Forbidden', `This takes the role ${role}.`)
}

function tenantRefusal(c: AdminContext, tenant: string): Response | null {
  const wrong = nameProblem('tenant', tenant)
  if (wrong !== null) return problem(404, 'Not found', wrong)
  // Its tokens are good on this machine alone, so that elsewhere nothing of it could ever be used.
  if (c.req.method === 'PUT' && tenant === DEMO_TENANT && !isLocalDemo(c.env, c.req.raw))
    return problem(409, 'Conflict', `The tenant ${DEMO_TENANT} is for the local demo; choose another name.`)
  return null
}

/**
 * Tells whether the tenant must be looked up first: every request but a PUT is about a tenant that is there. A person's token or
 * address has just been looked up in their tenant, so only root can name one that does not exist.
 */
function needsTenant(route: Route, who: Who, query: Readonly<Record<string, string>>): boolean {
  return who.kind === 'root' && route.method !== 'PUT' && route.beforeTenant?.(query) !== true
}

/** Tells whether there is a tenant of this name, and makes none by asking. The demo's needs nothing that is stored. */
async function isThere(c: AdminContext, tenant: string): Promise<boolean> {
  if (tenant === DEMO_TENANT && isLocalDemo(c.env, c.req.raw)) return true
  return tenantObject(c.env, tenant).exists()
}

async function readBody({ body }: Route, c: AdminContext): Promise<ReadDocument<unknown>> {
  if (body === undefined) return { ok: true, document: undefined, text: '' }
  if (body.reads === 'text') return readJsonOrYaml(c.req.raw)
  const read = await readJson(c.req.raw)
  if (!read.ok || body.reads === 'unchecked') return read
  const parsed = body.schema.safeParse(read.document)
  if (parsed.success) return { ok: true, document: parsed.data, text: read.text }
  const problems = problemsOf(parsed.error.issues, read.document).map(describeProblem)
  return { ok: false, response: invalid(problems) }
}

/** RFC 9110, 13.1.1 and 13.1.2; null for what we do not take. Weak tags never match (13.1.1). */
function readExpected(c: AdminContext): Expected | null {
  const match = c.req.header('if-match')?.trim()
  // On a GET the header asks for a 304, and is no condition of a change.
  const none = c.req.method === 'GET' ? undefined : c.req.header('if-none-match')?.trim()
  if (none !== undefined && none !== '*') return null
  const absent = none === '*'
  if (match === undefined) return { tags: null, absent }
  if (match === '*') return { tags: '*', absent }
  const tags = match.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag))) return null
  return { tags: tags.filter((tag) => !tag.startsWith('W/')).map((tag) => tag.slice(1, -1)), absent }
}
