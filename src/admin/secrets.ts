/** The administration API's secrets: values that go in and never come out, for headers of upstream servers. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { TenantStub } from '../contract/objects.ts'
import { MOST_ORIGINS, readOrigins } from '../contract/origins.ts'
import { headerValueProblem } from '../contract/static-headers.ts'
import type { ChangeContext, SecretView } from '../contract/tenant.ts'
import { object } from '../policy/fragments.ts'
import { allowsPrivate } from '../upstream/resolve.ts'
import {
  at,
  invalid,
  nameProblem,
  page,
  propagationOf,
  refusal,
  removal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import {
  answer,
  pageOf,
  pageQuery,
  propagationMembers,
  type Route,
  removed,
  route,
  uncheckedBody,
} from './route.ts'

const PATH = '/api/v1/tenants/:tenant/secrets'
/** Rounds of one request; whoever is told that something is left asks again. */
const MOST_ROUNDS = 20

const shownSchema = lazy(() =>
  z.object({
    name: z.string(),
    origins: z
      .array(z.string())
      .describe(
        'The origins that it may be sent to; none: it was stored before secrets had origins, and is sent nowhere new',
      ),
    key: z.string().describe('Id of the key that it is sealed with'),
    servers: z.array(z.string()).describe('Servers with a header that is made of it'),
    created_at: z.string(),
    updated_at: z.string(),
  }),
)

const changedSchema = lazy(() =>
  shownSchema().extend({ warnings: z.array(z.string()), ...propagationMembers() }),
)

export const secretRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'admin',
      summary: 'The names of all secrets',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of names', pageOf(shownSchema())) },
    },
    async ({ object, query: { after = null, limit } }) => {
      const secrets = await object.secrets({ after, limit: limit + 1 })
      const { items, next } = page(secrets, limit, ({ name }) => name)
      return Response.json({ items: items.map(secretResource), next })
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Stores a secret; headers that are made of it change at once',
      // Checked by hand, for no problem may quote the value.
      body: uncheckedBody(
        object({
          value: z.string(),
          origins: z
            .array(z.string())
            .min(1)
            .max(MOST_ORIGINS)
            .optional()
            .describe(
              'The origins that it may be sent to, which are those of servers that can name it. Absent: as the one that it replaces',
            ),
        }),
      ),
      answers: {
        200: answer('It was replaced', changedSchema()),
        201: answer('It is stored', changedSchema()),
      },
      creates: true,
      versioned: true,
    },
    async ({ object, env, tenant, params: { name }, body, by }) => {
      const wrong = nameProblem('secret', name)
      if (wrong !== null) return invalid([wrong])
      const {
        value,
        origins: given,
        ...more
      } = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
      const problem = headerValueProblem(value)
      if (problem !== null) return invalid([`/value: found ${problem.found}; allowed: ${problem.allowed}`])
      if (Object.keys(more).length > 0)
        return invalid(['found names beside value and origins; allowed: value, origins'])
      const origins = given === undefined ? null : readOrigins(given, allowsPrivate(env))
      if (origins?.ok === false) return invalid([origins.problem])
      const put = await object.putSecret(tenant, name, String(value), by, origins?.origins ?? null)
      if (put.kind !== 'done') return refusal(put)
      const now = { ...secretResource(put.now), warnings: tenantWarnings(put, tenant), ...propagationOf(put) }
      return tagged(now, put.now.tag, put.created ? 201 : 200)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Forgets a secret that no header is made of',
      versioned: true,
      answers: removed(),
    },
    async ({ object, params, by }) => removal(await object.deleteSecret(params.name, by), 'secret'),
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/rotate`,
      role: 'admin',
      summary: 'Seals everything anew that is not sealed with the current key',
      description:
        'This covers the tenant and its grants, and nothing is unusable meanwhile. If `left` is more than `stuck`, or the request was cut, ask again: finished work stays done. The old key can be removed once `left` is `stuck`, and `pending` and `unknown` are 0.',
      answers: {
        200: answer(
          'The progress',
          z.object({
            key: z.string().describe('Id of the current key'),
            resealed: z.int(),
            left: z.int(),
            stuck: z
              .int()
              .describe('Those of `left` that no key opens; removing the old key changes nothing for them'),
            pending: z.int().describe('Grants that could not be told yet: keep the old key until they are'),
            unknown: z
              .int()
              .describe(
                'Grants that could not be asked, or do not have the key yet: keep the old key until they do',
              ),
          }),
        ),
      },
    },
    async ({ object, by }) => {
      let resealed = 0
      for (let round = 1; ; round++) {
        const went = await resealAll(object, by)
        if (!('key' in went)) return refusal(went)
        resealed += went.resealed
        if (went.left > went.stuck && went.resealed > 0 && round < MOST_ROUNDS) continue
        return Response.json({ ...went, resealed })
      }
    },
  ),
])

/** One round: what the tenant keeps, then what its principals keep. */
async function resealAll(object: TenantStub, by: ChangeContext) {
  const went = await object.reseal(by)
  if (went.kind !== 'resealed') return went
  const { key, pending, stuck = 0 } = went
  const sum = { key, resealed: went.resealed, left: went.left, stuck, pending, unknown: 0 }
  for (let after: string | null = null, isFirst = true; after !== null || isFirst; isFirst = false) {
    const page = await object.resealPrincipals(after, by)
    if (page.kind !== 'principals_resealed') return page
    sum.resealed += page.resealed
    sum.left += page.left
    sum.stuck += page.stuck
    sum.unknown += page.unknown
    after = page.next
  }
  return sum
}

function secretResource({ name, origins, keyId, servers, createdAtMs, updatedAtMs }: SecretView) {
  return { name, origins, key: keyId, servers, created_at: at(createdAtMs), updated_at: at(updatedAtMs) }
}
