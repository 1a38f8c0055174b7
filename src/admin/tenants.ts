/** The administration API of a tenant itself: its settings. */
import * as z from 'zod/v4'
import { problem } from '../errors.ts'
import { checkStoreAddresses } from '../session/addresses.ts'
import { type TenantDocument, tenantDocument } from '../tenant/config.ts'
import type { TenantView } from '../tenant/contract.ts'
import { at, demoKeeps, invalid, refusal } from './answers.ts'
import { answer, jsonBody, type Route, route } from './route.ts'

const PATH = '/api/v1/tenants/:tenant'

const shownSchema = z.object({
  name: z.string(),
  identity: z.unknown(),
  sessions: z.unknown(),
  created_at: z.string(),
  updated_at: z.string(),
})
const changedSchema = shownSchema.extend({ warnings: z.array(z.string()), pending: z.int() })

export const tenantRoutes: readonly Route[] = [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'A tenant and its settings',
      answers: { 200: answer('The tenant', shownSchema) },
    },
    async ({ object, tenant }) => {
      const view = await object.tenant()
      return view === null
        ? problem(404, 'Not found', 'There is no tenant of that name.')
        : Response.json(shown(tenant, view))
    },
  ),
  route(
    {
      method: 'PUT',
      path: PATH,
      role: 'admin',
      summary: 'Creates a tenant (root alone), or replaces its settings',
      body: jsonBody(tenantDocument),
      answers: {
        200: answer('The tenant as it is now', changedSchema),
        201: answer('The tenant was created', changedSchema),
      },
    },
    async (call) => {
      const { env, object, tenant, body } = call
      const stores = await checkStoreAddresses(body, env)
      if (stores.kind === 'unknown') return problem(503, 'Resolver unavailable', stores.problem)
      if (stores.kind === 'refused') return invalid([stores.problem])
      const put = await object.putTenant(tenant, JSON.stringify(body))
      if (put.kind !== 'done') return refusal(put)
      const now = { ...shown(tenant, put.now), warnings: demoKeeps(call, 'settings'), pending: put.pending }
      return Response.json(now, { status: put.created ? 201 : 200 })
    },
  ),
]

function shown(name: string, { settingsJson, createdAtMs, updatedAtMs }: TenantView) {
  const settings = JSON.parse(settingsJson) as TenantDocument
  return { name, ...settings, created_at: at(createdAtMs), updated_at: at(updatedAtMs) }
}
