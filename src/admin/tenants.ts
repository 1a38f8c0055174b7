/** The administration API of a tenant itself: its settings. */

import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { isDemo } from '../base/local-switches.ts'
import { type TenantDocument, tenantDocument } from '../contract/config.ts'
import type { DeletionView, TenantView } from '../contract/tenant.ts'
import { withoutEffect } from '../contract/without-effect.ts'
import { demoDocument } from '../demo/demo.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../demo/token.ts'
import { object } from '../policy/fragments.ts'
import { checkIdentityAddresses } from '../servers/session/addresses.ts'
import {
  at,
  demoKeeps,
  invalid,
  noSuchTenant,
  propagationOf,
  refusal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import { deploymentOf } from './deployment.ts'
import { answer, type Call, jsonBody, propagationMembers, type Route, route } from './route.ts'

const PATH = '/api/v1/tenants/:tenant'
/** As long as the outbox itself would try. */
const MOST_WAIT_SECONDS = 72 * 3_600
const WAITS = `a whole number from 0 to ${MOST_WAIT_SECONDS}`

const deletionSchema = lazy(() =>
  z.object({
    state: z.literal('deleting'),
    since: z.string(),
    by: z.string().describe('Events that Legiti has not taken by then are lost'),
    principals: z.int().describe('Grants, past ones included, that are not gone yet'),
  }),
)

const shownSchema = lazy(() =>
  z.object({
    name: z.string(),
    identity: z.unknown(),
    sessions: z.unknown(),
    audit: z.unknown(),
    access: z.unknown().describe('The tenant’s own application of Cloudflare Access, or null'),
    approvals: z.unknown(),
    suspended_at: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    deletion: deletionSchema().nullable().optional(),
  }),
)
const withPending = lazy(() => shownSchema().extend({ pending: propagationMembers().pending }))
const changedSchema = lazy(() =>
  shownSchema().extend({ warnings: z.array(z.string()), ...propagationMembers() }),
)

export const tenantRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'A tenant and its settings',
      answers: { 200: answer('The tenant', withPending()) },
    },
    async ({ object, tenant }) => {
      const view = await object.tenant()
      if (view === null) return noSuchTenant(tenant)
      const [deletion, pending] = await Promise.all([object.deletion(), object.pending()])
      return tagged({ ...tenantResource(tenant, view), deletion: deletionShown(deletion), pending }, view.tag)
    },
  ),
  route(
    {
      method: 'PUT',
      path: PATH,
      role: 'admin',
      summary: 'Creates a tenant (root alone), or replaces its settings',
      body: jsonBody(tenantDocument()),
      creates: true,
      versioned: true,
      answers: {
        200: answer('The tenant as it is now', changedSchema()),
        201: answer('The tenant was created', changedSchema()),
      },
    },
    async (call) => {
      const { env, object, tenant, by } = call
      const { document, isSaid } = writtenOf(call)
      const inVain = withoutEffect(deploymentOf(env), document)
      if (inVain.length > 0) return invalid(inVain)
      const addresses = await checkIdentityAddresses(document, env)
      if (addresses.kind === 'unknown') return problem(503, 'Resolver unavailable', addresses.problem)
      if (addresses.kind === 'refused') return invalid([addresses.problem])
      const put = await object.putTenant(tenant, JSON.stringify(document), by, isSaid)
      if (put.kind !== 'done') return refusal(put)
      const demo = isSaid ? [DEMO_GOES_BY] : demoKeeps(call, 'settings')
      const warnings = [...tenantWarnings(put, tenant), ...demo]
      const now = { ...tenantResource(tenant, put.now), warnings, ...propagationOf(put) }
      return tagged(now, put.now.tag, put.created ? 201 : 200)
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/suspend`,
      role: 'root',
      summary: 'Suspends a tenant: its agents are refused from the next request on',
      versioned: true,
      answers: { 200: answer('The tenant as it is now', changedSchema()) },
    },
    (call) => suspension(call, true),
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/resume`,
      role: 'root',
      summary: 'Ends the suspension of a tenant',
      versioned: true,
      answers: { 200: answer('The tenant as it is now', changedSchema()) },
    },
    (call) => suspension(call, false),
  ),
  route(
    {
      method: 'DELETE',
      path: PATH,
      role: 'root',
      summary: 'Deletes a tenant with everything that it has',
      description:
        'Its tokens open nothing from now on. Sessions end and their logouts are delivered before anything is erased; what Legiti does not take within `wait_seconds` is lost.',
      versioned: true,
      query: object({
        wait_seconds: z.coerce
          .number({ error: WAITS })
          .int(WAITS)
          .min(0, WAITS)
          .max(MOST_WAIT_SECONDS, WAITS)
          .default(MOST_WAIT_SECONDS),
      }),
      answers: {
        200: answer(
          'It is gone',
          z.object({
            deleted: z.literal(true),
            events_lost: z.int().describe('Events that nobody was told of'),
          }),
        ),
        202: answer(
          'It is on the way out',
          z.object({ deleted: z.literal(false), deletion: deletionSchema() }),
        ),
      },
    },
    async ({ object, tenant, query, by }) => {
      const went = await object.deleteTenant(query.wait_seconds * 1_000, by)
      if (went.kind === 'absent') return noSuchTenant(tenant)
      if (went.kind === 'gone') return Response.json({ deleted: true, events_lost: went.lost })
      if (went.kind === 'going')
        return Response.json({ deleted: false, deletion: deletionShown(went) }, { status: 202 })
      return refusal(went)
    },
  ),
])

const DEMO_GOES_BY =
  `The built-in grant ${DEMO_TENANT}/${DEMO_GRANT} goes by these settings now, and not by src/demo/tenant.json, whose values stand for ` +
  'what was left out. A PUT of {} gives it the file again.'

/** The settings that a PUT means: in the demo's tenant, what it leaves out is as the demo's file has it. */
function writtenOf({ env, tenant, body, text }: Call<string, unknown, TenantDocument>) {
  if (!isDemo(env) || tenant !== DEMO_TENANT) return { document: body, isSaid: false }
  const { document, isSaid } = demoDocument(JSON.parse(text))
  return { document: tenantDocument().parse(document), isSaid }
}

async function suspension({ object, tenant, by }: Call, isSuspended: boolean): Promise<Response> {
  const put = await object.suspend(isSuspended, by)
  if (put === null) return noSuchTenant(tenant)
  if (put.kind !== 'done') return refusal(put)
  return tagged({ ...tenantResource(tenant, put.now), warnings: [], ...propagationOf(put) }, put.now.tag)
}

function deletionShown(view: DeletionView | null) {
  if (view?.kind !== 'going') return null
  return { state: 'deleting', since: at(view.sinceMs), by: at(view.byMs), principals: view.principals }
}

function tenantResource(name: string, { settingsJson, suspendedAtMs, createdAtMs, updatedAtMs }: TenantView) {
  // Settings from before there was `access` say nothing of it.
  const { access = null, ...settings } = JSON.parse(settingsJson) as Partial<TenantDocument>
  return {
    name,
    ...settings,
    access,
    suspended_at: at(suspendedAtMs),
    created_at: at(createdAtMs),
    updated_at: at(updatedAtMs),
  }
}
