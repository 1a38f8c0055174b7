/** The administration API's policies: immutable numbered versions, of which one is current. */
import * as z from 'zod/v4'
import { nativeSchemas } from '../native/catalogue.ts'
import { object } from '../policy/fragments.ts'
import { loadPolicyText } from '../policy/load.ts'
import { describeProblem } from '../policy/problem.ts'
import { readText } from '../policy/text.ts'
import type { KnownTools } from '../policy/warnings.ts'
import type { PolicySummary, PolicyView } from '../tenant/contract.ts'
import type { ToolSchemas } from '../tenant/tool-schemas.ts'
import { at, demoKeeps, invalid, nameProblem, notFound, page, refusal, removal } from './answers.ts'
import { answer, pageOf, pageQuery, type Route, removed, route, textBody } from './route.ts'

const PATH = '/api/v1/tenants/:tenant/policies'

const summarySchema = z.object({ name: z.string(), version: z.int(), created_at: z.string() })
const policySchema = summarySchema.extend({ policy: z.unknown() })
const changedSchema = policySchema.extend({ warnings: z.array(z.string()), pending: z.int() })

const versionQuery = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'a whole number from 1')
  .transform(Number)

export const policyRoutes: readonly Route[] = [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'All policies, by name',
      query: object({ ...pageQuery }),
      answers: { 200: answer('A page of policies', pageOf(summarySchema)) },
    },
    async ({ object, query: { after = null, limit } }) => {
      const policies = await object.policies({ after, limit: limit + 1 })
      const { items, next } = page(policies, limit, ({ name }) => name)
      return Response.json({ items: items.map(summary), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name`,
      role: 'viewer',
      summary: 'A policy',
      query: object({
        version: versionQuery.optional().describe('An earlier version; else the current one'),
      }),
      answers: { 200: answer('The policy', policySchema) },
    },
    async ({ object, params, query }) => {
      const policy = await object.policy(params.name, query.version ?? null)
      return policy === null ? notFound('policy') : Response.json(shown(policy))
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'policy_manager',
      summary: 'Makes a policy, or a new version of it',
      description: 'The same document again makes no version.',
      body: textBody(z.record(z.string(), z.unknown()).describe('A policy of one of the three dialects')),
      answers: {
        200: answer('The policy as it is now', changedSchema),
        201: answer('The policy was made', changedSchema),
      },
    },
    async (call) => {
      const { object, params, body, tenant } = call
      const wrong = nameProblem('policy', params.name)
      if (wrong !== null) return invalid([wrong])
      const schemas = await object.toolSchemas()
      const loaded = loadPolicyText(body, knownTools(schemas))
      if (!loaded.ok) return invalid(loaded.problems.map(describeProblem))
      const documentJson = JSON.stringify(readText(body).value)
      const put = await object.putPolicy(tenant, params.name, documentJson)
      if (put.kind !== 'done') return refusal(put)
      const warnings = [
        ...loaded.warnings.map(describeProblem),
        ...unchecked(schemas),
        ...demoKeeps(call, 'policy'),
      ]
      const now = { ...shown(put.now), warnings, pending: put.pending }
      return Response.json(now, { status: put.created ? 201 : 200 })
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'policy_manager',
      summary: 'Forgets a policy with all its versions',
      answers: removed,
    },
    async ({ object, params }) => removal(await object.deletePolicy(params.name), 'policy'),
  ),
]

/**
 * What a policy may speak of: native tools, and upstream ones under both of their names. Nothing while a server has
 * not listed its tools: then every name may be one of its.
 */
function knownTools({ toolsJson, unlisted }: ToolSchemas): KnownTools {
  if (unlisted.length > 0) return new Map()
  const known = new Map<string, unknown>()
  for (const [server, tool, schema] of JSON.parse(toolsJson) as [string, string, unknown][]) {
    known.set(tool, schema)
    known.set(`${server}__${tool}`, schema)
  }
  return new Map([...known, ...nativeSchemas()])
}

function unchecked({ unlisted }: ToolSchemas): string[] {
  if (unlisted.length === 0) return []
  return [
    `The names of tools and arguments were not checked: the tools of ${unlisted.join(', ')} are not known yet.`,
  ]
}

function summary({ name, version, createdAtMs }: PolicySummary) {
  return { name, version, created_at: at(createdAtMs) }
}

function shown(policy: PolicyView) {
  return { ...summary(policy), policy: JSON.parse(policy.documentJson) as unknown }
}
