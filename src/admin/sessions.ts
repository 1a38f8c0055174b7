/**
 * The administration API's sessions: those of one grant, or of one account wherever it is logged in. A session that ends here ends
 * as any other does: once, with its streams, and with one logout for Legiti.
 */
import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { isDemo } from '../base/local-switches.ts'
import type { Env } from '../contract/env.ts'
import { principalObject, type TenantStub } from '../contract/objects.ts'
import type { SessionView } from '../contract/principal.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../demo/token.ts'
import { accountId } from '../legiti/tools/fields.ts'
import { isName } from '../names/tokens.ts'
import { object } from '../policy/fragments.ts'
import { at } from './answers.ts'
import { answer, jsonBody, limitQuery, pageOf, type Route, route } from './route.ts'

const OF_TENANT = '/api/v1/tenants/:tenant/sessions'
const OF_GRANT = '/api/v1/tenants/:tenant/grants/:grant/sessions'

/** Grants that are asked for one page: the rest is on the next one, even if this one is empty. */
const MOST_ASKED = 50
const AT_ONCE = 10

const NEXT = 'the next of an earlier page'
const account = lazy(() => accountId().optional().describe('Only sessions of this account'))

const sessionSchema = lazy(() =>
  z.object({
    id: z.string(),
    grant: z.string(),
    account: z.string().nullable().describe('null: nobody has logged in yet'),
    provider: z.string().nullable(),
    started_at: z.string(),
    last_seen_at: z.string(),
    idle_expires_at: z.string(),
    expires_at: z.string(),
    protocol_version: z.string().nullable(),
  }),
)
const endedSchema = lazy(() =>
  z.object({
    ended: z.int(),
    pending: z.int().describe('Grants that could not be asked yet; they are asked until they have answered'),
  }),
)

export const sessionRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: OF_GRANT,
      role: 'viewer',
      summary: 'Live sessions of a grant, the oldest first',
      query: object({
        account: account(),
        after: z
          .string()
          .regex(/^\d{1,15}$/, NEXT)
          .optional(),
        limit: limitQuery(),
      }),
      answers: { 200: answer('A page of sessions', pageOf(sessionSchema())) },
    },
    async ({ env, tenant, params: { grant }, query: { account = null, after = '0', limit } }) => {
      const found = isName(grant)
        ? await principalObject(env, tenant, grant).sessions(account, Number(after), limit)
        : null
      if (found === null) return noSuchGrant()
      const next = found.next === null ? null : String(found.next)
      return Response.json({ items: found.sessions.map((it) => sessionResource(grant, it)), next })
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${OF_GRANT}/:session`,
      role: 'admin',
      summary: 'Ends a session',
      answers: { 200: answer('It has ended', endedSchema()) },
    },
    async ({ env, object: tenantObject, by, tenant, params: { grant, session } }) => {
      const principal = isName(grant) ? principalObject(env, tenant, grant) : null
      if (principal === null || (await principal.sessions(null, 0, 1)) === null) return noSuchGrant()
      await tenantObject.recordSessionEnd(grant, by, { session })
      const ended = await principal.endSessions({ kind: 'session', id: session })
      if (ended === null || ended === 0)
        return problem(404, 'No such session', 'This grant has no live session of that id.')
      return Response.json({ ended, pending: 0 })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${OF_GRANT}/end`,
      role: 'admin',
      summary: 'Ends all sessions of a grant, or those of one account',
      body: jsonBody(object({ account: account() })),
      answers: { 200: answer('They have ended', endedSchema()) },
    },
    async ({ env, object: tenantObject, by, tenant, params: { grant }, body: { account } }) => {
      const principal = isName(grant) ? principalObject(env, tenant, grant) : null
      if (principal === null || (await principal.sessions(null, 0, 1)) === null) return noSuchGrant()
      await tenantObject.recordSessionEnd(grant, by, account === undefined ? {} : { account })
      const ended = await principal.endSessions(
        account === undefined ? { kind: 'all' } : { kind: 'account', account, atMs: Date.now() },
      )
      return Response.json({ ended: ended ?? 0, pending: 0 })
    },
  ),
  route(
    {
      method: 'GET',
      path: OF_TENANT,
      role: 'viewer',
      summary: 'Live sessions of a tenant, by grant',
      description: `A page asks at most ${MOST_ASKED} grants, so one with a \`next\` may have few items, or none.`,
      query: object({
        account: account(),
        after: z
          .string()
          .regex(/^[a-z0-9-]{1,63}:\d{1,15}$/, NEXT)
          .optional(),
        limit: limitQuery(),
      }),
      answers: { 200: answer('A page of sessions', pageOf(sessionSchema())) },
    },
    async ({ env, object, tenant, query: { account = null, after, limit } }) =>
      Response.json(await ofTenant(env, { tenantObject: object, tenant, account, after, limit })),
  ),
  route(
    {
      method: 'POST',
      path: `${OF_TENANT}/end`,
      role: 'admin',
      summary: 'Ends all sessions of an account, in every grant',
      description:
        'Those that began before the request. Grants that cannot be asked now are asked until they answer.',
      body: jsonBody(object({ account: accountId() })),
      answers: { 200: answer('They have ended', endedSchema()) },
    },
    async ({ env, object, by, tenant, body: { account } }) => {
      const builtIn = builtInGrants(env, tenant)
      const done = await object.endAccount(account, builtIn, by)
      // Before anything was set up in the demo's tenant, its grant is all there is.
      if ((await object.tenant()) !== null) return Response.json(done)
      const which = { kind: 'account', account, atMs: Date.now() } as const
      const ended = await Promise.all(
        builtIn.map((grant) => principalObject(env, tenant, grant).endSessions(which)),
      )
      return Response.json({ ended: ended.reduce<number>((sum, it) => sum + (it ?? 0), 0), pending: 0 })
    },
  ),
])

type Shown = ReturnType<typeof sessionResource>

/** Grant after grant, from where the last page ended. */
async function ofTenant(
  env: Env,
  {
    tenantObject,
    tenant,
    account,
    after,
    limit,
  }: {
    readonly tenantObject: TenantStub
    readonly tenant: string
    readonly account: string | null
    readonly after: string | undefined
    readonly limit: number
  },
): Promise<{ items: Shown[]; next: string | null }> {
  const [from = '', row = '0'] = after?.split(':') ?? []
  const others = builtInGrants(env, tenant).filter((name) => name >= from)
  const named = await tenantObject.grantNames(from, MOST_ASKED + 1)
  const grants = [...new Set([...named, ...others])].sort()
  const items: Shown[] = []
  for (let i = 0; i < Math.min(grants.length, MOST_ASKED); i += AT_ONCE) {
    const asked = grants.slice(i, Math.min(i + AT_ONCE, MOST_ASKED))
    const pages = await Promise.all(
      asked.map((grant) => {
        const afterRow = grant === from ? Number(row) : 0
        return principalObject(env, tenant, grant).sessions(account, afterRow, limit)
      }),
    )
    for (const [n, grant] of asked.entries()) {
      const found = pages[n] ?? { sessions: [], next: null, rows: [] }
      const room = limit - items.length
      const taken = found.sessions.slice(0, room)
      items.push(...taken.map((it) => sessionResource(grant, it)))
      const isCut = taken.length < found.sessions.length
      if (isCut || found.next !== null) {
        const lastRow = isCut ? (found.rows[taken.length - 1] ?? (grant === from ? row : 0)) : found.next
        return { items, next: `${grant}:${lastRow}` }
      }
    }
  }
  const unasked = grants[MOST_ASKED]
  return { items, next: unasked === undefined ? null : `${unasked}:0` }
}

/** The demo's grant is installed by its first use; nobody has to set it up. */
function builtInGrants(env: Env, tenant: string): string[] {
  return isDemo(env) && tenant === DEMO_TENANT ? [DEMO_GRANT] : []
}

function sessionResource(grant: string, it: SessionView) {
  return {
    id: it.id,
    grant,
    account: it.account,
    provider: it.provider,
    started_at: at(it.startedAtMs),
    last_seen_at: at(it.lastSeenAtMs),
    idle_expires_at: at(it.idleExpiresAtMs),
    expires_at: at(it.expiresAtMs),
    protocol_version: it.protocolVersion,
  }
}

function noSuchGrant(): Response {
  return problem(404, 'No such grant', 'This tenant has no grant of that name.')
}
