/** The administration API's policies: immutable numbered versions, of which the last one counts. */
import { Hono } from 'hono'
import type { Env } from '../env.ts'
import { problem } from '../errors.ts'
import { nativeSchemas } from '../native/catalogue.ts'
import { loadPolicyText } from '../policy/load.ts'
import { describeProblem } from '../policy/problem.ts'
import { readText } from '../policy/text.ts'
import type { KnownTools } from '../policy/warnings.ts'
import type { PolicyView } from '../tenant/contract.ts'
import type { ToolSchemas } from '../tenant/tool-schemas.ts'
import {
  at,
  demoKeeps,
  invalid,
  nameProblem,
  notFound,
  refusal,
  removal,
  tenantName,
  tenantObject,
} from './answers.ts'
import { readJsonOrYaml } from './document.ts'

export const policyRoutes = new Hono<{ Bindings: Env }>()

policyRoutes.get('/', async (c) => {
  const policies = await tenantObject(c).policies()
  const listed = policies.map(({ name, version, createdAtMs }) => ({
    name,
    version,
    created_at: at(createdAtMs),
  }))
  return c.json({ policies: listed })
})

policyRoutes.get('/:name', async (c) => {
  const asked = c.req.query('version')
  if (asked !== undefined && !/^[1-9]\d{0,8}$/.test(asked))
    return problem(400, 'Unknown version', 'version is not a whole number from 1')
  const policy = await tenantObject(c).policy(c.req.param('name'), asked === undefined ? null : Number(asked))
  return policy === null ? notFound('policy') : c.json(shown(policy))
})

policyRoutes.put('/:name', async (c) => {
  const name = c.req.param('name')
  const wrong = nameProblem('policy', name)
  if (wrong !== null) return invalid([wrong])
  const read = await readJsonOrYaml(c.req.raw)
  if (!read.ok) return read.response
  const schemas = await tenantObject(c).toolSchemas()
  const loaded = loadPolicyText(read.document, knownTools(schemas))
  if (!loaded.ok) return invalid(loaded.problems.map(describeProblem))
  const documentJson = JSON.stringify(readText(read.document).value)
  const put = await tenantObject(c).putPolicy(tenantName(c), name, documentJson)
  if (put.kind !== 'done') return refusal(put)
  const warnings = [...loaded.warnings.map(describeProblem), ...unchecked(schemas), ...demoKeeps(c, 'policy')]
  return c.json({ ...shown(put.now), warnings, pending: put.pending }, put.created ? 201 : 200)
})

policyRoutes.delete('/:name', async (c) =>
  removal(c, await tenantObject(c).deletePolicy(c.req.param('name')), 'policy'),
)

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

function shown({ name, version, createdAtMs, documentJson }: PolicyView) {
  return { name, version, created_at: at(createdAtMs), policy: JSON.parse(documentJson) as unknown }
}
