/** The administration API's policies: immutable numbered versions, of which one is current. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { PolicySummary, PolicyView } from '../contract/tenant.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { object } from '../policy/fragments.ts'
import type { KnownTools } from '../policy/known-tools.ts'
import { loadPolicy, loadPolicyText } from '../policy/load.ts'
import { describeOff, describeUnchecked } from '../policy/name-warnings.ts'
import { describeProblem } from '../policy/problem.ts'
import { readText } from '../policy/text.ts'
import { changesBetween } from '../policy-meaning/changes.ts'
import type { Source } from '../policy-meaning/meaning.ts'
import { refusedUnder, whyRefused } from '../policy-meaning/refused-natives.ts'
import { deployedTools } from '../servers/named-tools.ts'
import {
  at,
  demoKeeps,
  invalid,
  nameProblem,
  notFound,
  page,
  propagationOf,
  refusal,
  removal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import {
  answer,
  type Call,
  jsonBody,
  limitQuery,
  pageOf,
  pageQuery,
  propagationMembers,
  type Route,
  removed,
  route,
  textBody,
} from './route.ts'
import { knownTools } from './tools.ts'

const PATH = '/api/v1/tenants/:tenant/policies'

const summarySchema = lazy(() =>
  z.object({
    name: z.string(),
    version: z.int(),
    current: z.boolean(),
    created_at: z.string(),
    created_by: z.string().describe('root, or person:<name>; empty where it is not known'),
    reason: z.string().nullable(),
    deleted_at: z
      .string()
      .nullable()
      .describe(
        'The policy was deleted then, while this was its current version; a later version is of one made anew',
      ),
    deleted_by: z.string().nullable(),
    deleted_reason: z.string().nullable(),
  }),
)
const differenceSchema = lazy(() =>
  z.object({
    tool: z.string(),
    what: z.enum(['listed', 'call', 'rule', 'limit']),
    a: z.string().nullable(),
    b: z.string().nullable(),
  }),
)
const policySchema = lazy(() => summarySchema().extend({ policy: z.unknown() }))
const changedSchema = lazy(() =>
  policySchema().extend({ warnings: z.array(z.string()), ...propagationMembers() }),
)

const VERSION = 'a whole number from 1'
const versionNumber = lazy(() => z.int(VERSION).min(1, VERSION).max(999_999_999, VERSION))
const versionQuery = lazy(() =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, VERSION)
    .transform(Number),
)

export const policyRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'All policies, by name',
      query: object({
        ...pageQuery(),
        deleted: z.enum(['true', 'false']).default('false').describe('true: those that were deleted instead'),
      }),
      answers: { 200: answer('A page of policies', pageOf(summarySchema())) },
    },
    async ({ object, query: { after = null, limit, deleted } }) => {
      const policies = await object.policies({ after, limit: limit + 1 }, deleted === 'true')
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
        version: versionQuery()
          .optional()
          .describe('An earlier version, of a deleted policy as well; else the current one'),
      }),
      answers: { 200: answer('The policy', policySchema()) },
    },
    async ({ object, params, query }) => {
      const policy = await object.policy(params.name, query.version ?? null)
      return policy === null ? notFound('policy') : tagged(policyResource(policy), policy.tag)
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'policy_manager',
      summary: 'Makes a policy, or a new version of it',
      description: 'The same document again makes no version.',
      creates: true,
      versioned: true,
      body: textBody(z.record(z.string(), z.unknown()).describe('A policy of one of the three dialects')),
      answers: {
        200: answer('The policy as it is now', changedSchema()),
        201: answer('The policy was made', changedSchema()),
      },
    },
    async (call) => {
      const { object, params, body, tenant, by } = call
      const wrong = nameProblem('policy', params.name)
      if (wrong !== null) return invalid([wrong])
      const loaded = loadPolicyText(body, knownTools(await object.toolSchemas(), call.env))
      if (!loaded.ok) return invalid(loaded.problems.map(describeProblem))
      const documentJson = JSON.stringify(readText(body).value)
      const put = await object.putPolicy(tenant, params.name, documentJson, by)
      if (put.kind !== 'done') return refusal(put)
      const warnings = [
        ...tenantWarnings(put, tenant),
        ...loaded.warnings.map(describeProblem),
        ...loaded.unchecked.map(describeUnchecked),
        ...loaded.off.map(describeOff),
        ...(await refusedGrants(call, params.name, loaded)),
        ...demoKeeps(call, 'policy'),
      ]
      const now = { ...policyResource(put.now), warnings, ...propagationOf(put) }
      return tagged(now, put.now.tag, put.created ? 201 : 200)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'policy_manager',
      summary: 'Deletes a policy',
      description:
        'Its versions stay on record, and one that is made in its place goes on with their numbers.',
      versioned: true,
      answers: removed(),
    },
    async ({ object, params, by }) => removal(await object.deletePolicy(params.name, by), 'policy'),
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/versions`,
      role: 'viewer',
      summary: 'The versions of a policy, the newest first: who made them, when and why',
      query: object({ after: versionQuery().optional(), limit: limitQuery() }),
      answers: { 200: answer('A page of versions', pageOf(summarySchema())) },
    },
    async ({ object, params, query: { after = null, limit } }) => {
      const versions = await object.policyVersions(params.name, after, limit + 1)
      if (versions.length === 0 && after === null) return notFound('policy')
      const { items, next } = page(versions, limit, ({ version }) => String(version))
      return Response.json({ items: items.map(summary), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/diff`,
      role: 'viewer',
      summary: 'Compares two versions of a policy, tool by tool',
      query: object({
        from: versionQuery(),
        to: versionQuery().optional().describe('The current one, where it is left out'),
      }),
      answers: {
        200: answer(
          'The differences: a is what it was, b what it is',
          z.object({ from: z.int(), to: z.int(), same: z.boolean(), changes: z.array(differenceSchema()) }),
        ),
      },
    },
    async ({ object, params, query }) => {
      const [a, b] = await Promise.all([
        object.policy(params.name, query.from),
        object.policy(params.name, query.to ?? null),
      ])
      if (a === null || b === null) return notFound('policy, or no such version of it,')
      const changes = changesBetween(sourceOf(a), sourceOf(b))
      return Response.json({ from: a.version, to: b.version, same: changes.length === 0, changes })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/rollback`,
      role: 'policy_manager',
      summary: 'Makes an earlier version of a policy the current one',
      description: 'A deleted policy is there again.',
      versioned: true,
      body: jsonBody(object({ version: versionNumber() })),
      answers: { 200: answer('The policy as it is now', changedSchema()) },
    },
    async (call) => {
      const { object, params, body, tenant, by } = call
      const put = await object.rollBackPolicy(params.name, body.version, by)
      if (put === null) return notFound('policy, or no such version of it,')
      if (put.kind !== 'done') return refusal(put)
      const loaded = compiledOf(put.now, knownTools(await object.toolSchemas(), call.env))
      const warnings = [
        ...tenantWarnings(put, tenant),
        ...loaded.warnings.map(describeProblem),
        ...loaded.unchecked.map(describeUnchecked),
        ...loaded.off.map(describeOff),
        ...(await refusedGrants(call, params.name, loaded)),
        ...demoKeeps(call, 'policy'),
      ]
      const now = { ...policyResource(put.now), warnings, ...propagationOf(put) }
      return tagged(now, put.now.tag)
    },
  ),
])

/** Warns of grants under the policy whose native servers it makes useless. */
async function refusedGrants({ env, object }: Pick<Call, 'env' | 'object'>, policy: string, source: Source) {
  const natives = deployedTools(env, nativeServerNames)
  if (natives.every((native) => whyRefused(source, native) === null)) return []
  return refusedUnder(source, natives, await object.grantsUnder(policy))
}

function summary({ name, version, isCurrent, createdAtMs, createdBy, reason, deletion }: PolicySummary) {
  return {
    name,
    version,
    current: isCurrent,
    created_at: at(createdAtMs),
    created_by: createdBy,
    reason,
    deleted_at: at(deletion?.atMs ?? null),
    deleted_by: deletion?.by ?? null,
    deleted_reason: deletion?.reason ?? null,
  }
}

function sourceOf(policy: PolicyView): Source {
  return compiledOf(policy)
}

/** A policy that is stored, loaded. */
function compiledOf(
  { documentJson }: PolicyView,
  known?: KnownTools,
): Extract<ReturnType<typeof loadPolicy>, { ok: true }> {
  const loaded = loadPolicy(JSON.parse(documentJson), known)
  if (!loaded.ok) throw new Error('a policy that was stored does not load')
  return loaded
}

function policyResource(policy: PolicyView) {
  return { ...summary(policy), policy: JSON.parse(policy.documentJson) as unknown }
}
