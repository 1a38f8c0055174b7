/** The administration API of the deployment: which tenants there are. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { errorName, log } from '../base/log.ts'
import type { Env } from '../contract/env.ts'
import { tenantDirectory, tenantObject } from '../contract/objects.ts'
import { object } from '../policy/fragments.ts'
import { at, page } from './answers.ts'
import { answer, pageOf, pageQuery, type Route, route } from './route.ts'

/** A name that no tenant has come of for so long is struck off. */
const MAKING_MS = 3_600_000

const states = ['active', 'suspended', 'deleting', 'unknown'] as const

const listedSchema = lazy(() =>
  z.object({
    name: z.string(),
    state: z.enum(states).describe('unknown: its object could not be asked'),
    created_at: z.string().nullable(),
  }),
)
type Listed = z.output<ReturnType<typeof listedSchema>>

export const directoryRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: '/api/v1/tenants',
      role: 'root',
      summary: 'All tenants of the deployment, by name',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of tenants', pageOf(listedSchema())) },
    },
    async ({ env, query: { after = null, limit } }) => {
      const directory = tenantDirectory(env)
      const names = await directory.names({ after, limit: limit + 1 })
      const { items, next } = page(names, limit, (name) => name)
      const asked = await Promise.all(items.map((name) => stateOf(env, name)))
      const unmade = items.filter((_, i) => asked[i] === null)
      if (unmade.length > 0) await directory.removeUnmade(unmade, Date.now() - MAKING_MS)
      return Response.json({ items: asked.filter((one) => one !== null), next })
    },
  ),
])

/** Asks a tenant for its state; null where there is none of that name. */
async function stateOf(env: Env, name: string): Promise<Listed | null> {
  try {
    const tenant = tenantObject(env, name)
    const [view, deletion] = await Promise.all([tenant.tenant(), tenant.deletion()])
    if (view === null) return null
    const { suspendedAtMs, createdAtMs } = view
    const state = deletion !== null ? 'deleting' : suspendedAtMs !== null ? 'suspended' : 'active'
    return { name, state, created_at: at(createdAtMs) }
  } catch (error) {
    log('warn', 'tenant.not_asked', { tenant: name, error: errorName(error) })
    return { name, state: 'unknown', created_at: null }
  }
}
