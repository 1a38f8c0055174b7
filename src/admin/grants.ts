/** The administration API's grants. A grant's token is in the answer that made it, and nowhere else ever. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { Env } from '../contract/env.ts'
import { expiryProblem } from '../contract/expiry.ts'
import { completeGrant, type GrantDocument, grantSchema, nativesOf } from '../contract/grant-document.ts'
import { principalObject, type TenantStub } from '../contract/objects.ts'
import { sessionModes } from '../contract/session-mode.ts'
import type { ApprovalsLeft, GrantView } from '../contract/tenant.ts'
import { nativeStates, whyOff } from '../deployment/native-servers.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { object } from '../policy/fragments.ts'
import { loadPolicy } from '../policy/load.ts'
import { refusedNatives } from '../policy-meaning/refused-natives.ts'
import { deployedTools, missedWarnings } from '../servers/named-tools.ts'
import {
  at,
  invalid,
  nameProblem,
  notFound,
  page,
  refusal,
  removal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import { answer, jsonBody, overlapSeconds, pageOf, pageQuery, type Route, removed, route } from './route.ts'
import { tokenOf } from './token-of.ts'

const PATH = '/api/v1/tenants/:tenant/grants'
const MOST_OVERLAP_SECONDS = 30 * 24 * 3_600

const shownSchema = lazy(() =>
  z.object({
    name: z.string(),
    label: z.string(),
    policy: z.string().nullable(),
    servers: z.union([z.literal('*'), z.array(z.string())]),
    native_servers: z
      .partialRecord(z.enum(nativeServerNames), z.enum(['on', 'off']))
      .describe(
        'The native servers that it has; off: this deployment has not, so the grant reaches nothing of it',
      ),
    owner: z.string().nullable(),
    sessions: z.enum(sessionModes),
    expires_at: z.string().nullable(),
    built_in: z.boolean(),
    pending: z.int(),
    older_token_until: z.string().nullable().describe('The token before this one is good until then'),
    created_at: z.string(),
    updated_at: z.string(),
  }),
)
const withUse = lazy(() =>
  shownSchema().extend({
    last_used_at: z
      .string()
      .nullable()
      .describe(
        'When a call or a read of it was last decided, also where it was denied, or a session of it last used; null: never, not for 30 days where there is no audit database, or it could not be asked',
      ),
  }),
)
const changedSchema = lazy(() => shownSchema().extend({ warnings: z.array(z.string()) }))

export const grantRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'All grants, by name',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of grants', pageOf(withUse())) },
    },
    async ({ object, env, tenant, query: { after = null, limit } }) => {
      const grants = await object.grants({ after, limit: limit + 1 })
      const { items, next } = page(grants, limit, ({ name }) => name)
      return Response.json({ items: await Promise.all(items.map((it) => used(env, tenant, it))), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name`,
      role: 'viewer',
      summary: 'A grant',
      answers: { 200: answer('The grant, without its token', withUse()) },
    },
    async ({ object, env, tenant, params }) => {
      const grant = await object.grant(params.name)
      return grant === null ? notFound('grant') : tagged(await used(env, tenant, grant), grant.tag)
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Makes a grant or changes it',
      description: 'The token is in the answer that makes the grant, and nowhere else. A change keeps it.',
      body: jsonBody(grantSchema()),
      answers: {
        200: answer('The grant as it is now', changedSchema()),
        201: answer('The grant was made', changedSchema().extend({ token: z.string() })),
      },
      creates: true,
      versioned: true,
    },
    async ({ object, env, tenant, params: { name }, body, seed, by }) => {
      const wrong = nameProblem('grant', name)
      if (wrong !== null) return invalid([wrong])
      const document = readGrant(name, body, Date.now())
      if ('problems' in document) return invalid(document.problems)
      const { token, hash } = await tokenOf(`gh_${tenant}_${name}_`, seed)
      const put = await object.putGrant(tenant, name, document, hash, by)
      if (put.kind !== 'done') return refusal(put)
      const warnings = [...tenantWarnings(put, tenant), ...(await warningsOf(env, object, put.now))]
      const now = { ...grantResource(env, put.now), warnings, pending: put.pending }
      if (!put.created) return tagged(now, put.now.tag)
      return tagged({ ...now, token }, put.now.tag, 201)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Revokes a grant and forgets it',
      versioned: true,
      answers: removed(),
    },
    async ({ object, params, by }) => {
      const gone = await object.deleteGrant(params.name, by)
      const { approvals = null } = gone.kind === 'removed' ? gone : {}
      return removal(
        gone,
        'grant',
        approvals === null ? [] : closedWarnings(approvals, 'the grant is revoked'),
      )
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/rotate`,
      role: 'admin',
      summary: 'Gives a grant another token',
      description:
        'The token before it is good for `overlap_seconds` more, and one before that no longer. Sessions go on. Without an ' +
        'overlap the calls that wait for approval are closed, and those that were approved; with one they stay, also for the ' +
        'new token, until their own time is over. `warnings` says how many.',
      body: jsonBody(object({ overlap_seconds: overlapSeconds({ most: MOST_OVERLAP_SECONDS, usual: 0 }) })),
      answers: { 201: answer('The grant with its new token', changedSchema().extend({ token: z.string() })) },
      creates: true,
      versioned: true,
    },
    async ({ object, env, tenant, params: { name }, body, seed, by }) => {
      const { token, hash } = await tokenOf(`gh_${tenant}_${name}_`, seed)
      const put = await object.rotateGrant(name, hash, body.overlap_seconds * 1_000, by)
      if (put === null) return notFound('grant')
      if (put.kind !== 'done') return refusal(put)
      const warnings = [
        ...tenantWarnings(put, tenant),
        ...(put.approvals === undefined
          ? []
          : rotatedWarnings(put.approvals, put.pending === 0, body.overlap_seconds)),
        ...(await warningsOf(env, object, put.now)),
      ]
      const now = { ...grantResource(env, put.now), warnings, pending: put.pending }
      return tagged({ ...now, token }, put.now.tag, 201)
    },
  ),
])

const APPROVALS = 'calls that waited for a person, or were approved and not made yet'

/** Says how many approvals were closed with a change of their grant. */
function closedWarnings({ closed }: ApprovalsLeft, because: string): string[] {
  return closed === 0 ? [] : [`Approvals that are closed (${APPROVALS}): ${closed}, because ${because}.`]
}

/** Says what a new token did to approvals that were asked for with the token before it. */
function rotatedWarnings(left: ApprovalsLeft, isTold: boolean, overlapSeconds: number): string[] {
  const because = 'the token that asked for them was replaced; the agent has to ask again'
  if (left.open === 0) return closedWarnings(left, because)
  if (!isTold && overlapSeconds === 0)
    return [
      `Approvals that are closed as soon as the grant's object can be told (${APPROVALS}): ${left.open}. Until then the token before this one is good.`,
    ]
  const stay = `Approvals that stay (${APPROVALS}): ${left.open}, also for the new token, each until its own time is over.`
  return [...closedWarnings(left, because), stay]
}

/** Shows a grant with the time of its last use, which the principal alone knows. */
async function used(env: Env, tenant: string, grant: GrantView) {
  const lastUsedMs = await principalObject(env, tenant, grant.name)
    .lastUsed()
    .catch(() => null)
  return { ...grantResource(env, grant), last_used_at: at(lastUsedMs) }
}

function readGrant(
  name: string,
  written: z.output<ReturnType<typeof grantSchema>>,
  nowMs: number,
): GrantDocument | { readonly problems: readonly string[] } {
  const { expires_at, ...document } = completeGrant(name, written)
  const expiresAtMs = expires_at === null ? null : Date.parse(expires_at)
  const problem = expiryProblem(expiresAtMs, nowMs)
  return problem === null ? { ...document, expiresAtMs } : { problems: [problem] }
}

/** Warns of parts of a grant that have no effect, or may be meant otherwise. */
async function warningsOf(env: Env, object: TenantStub, grant: GrantView): Promise<string[]> {
  const { policy: name, servers } = grant
  const warnings: string[] = []
  if (name === null) warnings.push('The grant is under no policy: every call is denied.')
  if (servers.length === 0) warnings.push('The grant reaches no server.')
  const natives = nativesOf(grant)
  for (const native of natives) {
    const why = whyOff(env, native)
    if (why !== null && servers.includes(native))
      warnings.push(
        `The grant names the native server "${native}", which this deployment does not have (${why}): it has no tool of it.`,
      )
  }
  const stored = name === null ? null : await object.policy(name, null)
  const loaded = stored === null ? null : loadPolicy(JSON.parse(stored.documentJson))
  if (name !== null && loaded?.ok) {
    warnings.push(...missedWarnings(env, name, loaded.policy, natives))
    warnings.push(...refusedNatives(name, loaded, deployedTools(env, natives)))
  }
  return warnings
}

function grantResource(env: Env, grant: GrantView) {
  const { name, label, policy, servers, owner, sessions, origin } = grant
  const { createdAtMs, updatedAtMs, expiresAtMs, olderUntilMs, isPending } = grant
  const states = nativeStates(env)
  const natives = nativesOf(grant).map((native) => [native, states[native]])
  return {
    name,
    label,
    policy,
    servers,
    native_servers: Object.fromEntries(natives) as Partial<typeof states>,
    owner,
    sessions,
    expires_at: at(expiresAtMs),
    built_in: origin === 'demo',
    pending: isPending ? 1 : 0,
    older_token_until: at(olderUntilMs !== null && olderUntilMs > Date.now() ? olderUntilMs : null),
    created_at: at(createdAtMs),
    updated_at: at(updatedAtMs),
  }
}
