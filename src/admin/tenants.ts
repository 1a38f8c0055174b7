/**
 * The administration API of a tenant: its settings here, its servers, policies and grants in the files beside this
 * one. Opened by the root token.
 */
import { Hono } from 'hono'
import { DEMO_TENANT, isLocalDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { problem } from '../errors.ts'
import { problemsOf } from '../policy/issues.ts'
import { describeProblem } from '../policy/problem.ts'
import { type TenantDocument, tenantDocument } from '../tenant/config.ts'
import type { TenantView } from '../tenant/contract.ts'
import { at, demoKeeps, invalid, nameProblem, refusal, tenantName, tenantObject } from './answers.ts'
import { readJson } from './document.ts'
import { grantRoutes } from './grants.ts'
import { policyRoutes } from './policies.ts'
import { rootOnly } from './root.ts'
import { serverRoutes } from './servers.ts'

export const tenantRoutes = new Hono<{ Bindings: Env }>()

tenantRoutes.use('*', rootOnly)
tenantRoutes.use('*', async (c, next) => {
  const name = tenantName(c)
  const wrong = nameProblem('tenant', name)
  if (wrong !== null) return problem(404, 'Not found', wrong)
  // Its tokens are good on this machine alone, so that elsewhere nothing of it could ever be used.
  if (name === DEMO_TENANT && !isLocalDemo(c.env, new URL(c.req.url).hostname))
    return problem(409, 'Conflict', `The tenant ${DEMO_TENANT} is for the local demo; choose another name.`)
  return next()
})

tenantRoutes.get('/', async (c) => {
  const view = await tenantObject(c).tenant()
  return view === null
    ? problem(404, 'Not found', 'There is no tenant of that name.')
    : c.json(shown(tenantName(c), view))
})

tenantRoutes.put('/', async (c) => {
  const read = await readJson(c.req.raw)
  if (!read.ok) return read.response
  const parsed = tenantDocument.safeParse(read.document)
  if (!parsed.success) return invalid(problemsOf(parsed.error.issues, read.document).map(describeProblem))
  const name = tenantName(c)
  const put = await tenantObject(c).putTenant(name, JSON.stringify(parsed.data))
  if (put.kind !== 'done') return refusal(put)
  const answer = { ...shown(name, put.now), warnings: demoKeeps(c, 'settings'), pending: put.pending }
  return c.json(answer, put.created ? 201 : 200)
})

tenantRoutes.route('/servers', serverRoutes)
tenantRoutes.route('/policies', policyRoutes)
tenantRoutes.route('/grants', grantRoutes)

function shown(name: string, { settingsJson, createdAtMs, updatedAtMs }: TenantView) {
  const settings = JSON.parse(settingsJson) as TenantDocument
  return { name, ...settings, created_at: at(createdAtMs), updated_at: at(updatedAtMs) }
}
