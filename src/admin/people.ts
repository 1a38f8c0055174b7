/** The administration API's people: who may administer a tenant, in which role, and their tokens. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { expiresAt, expiryProblem } from '../contract/expiry.ts'
import { personSchema } from '../contract/person-document.ts'
import { personRoles } from '../contract/roles.ts'
import type { LeftAdmins, PersonView } from '../contract/tenant.ts'
import { noAdminTokenWarning, noAdminWarning } from '../contract/warnings.ts'
import { object } from '../policy/fragments.ts'
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

const PATH = '/api/v1/tenants/:tenant/people'
const LAST_ADMIN =
  'The last admin stays one, unless the root token asks: 409. Then `warnings` says that nobody is left.'
const MOST_OVERLAP_SECONDS = 7 * 24 * 3_600

const shownSchema = lazy(() =>
  z.object({
    name: z.string(),
    role: z.enum(personRoles),
    email: z.string().nullable(),
    accounts: z.array(z.string()),
    tokens: z.int().describe('The number of tokens that are good now'),
    created_at: z.string(),
    updated_at: z.string(),
  }),
)

const changedSchema = lazy(() => shownSchema().extend({ warnings: z.array(z.string()) }))

export const peopleRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'admin',
      summary: 'All people, by name',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of people', pageOf(shownSchema())) },
    },
    async ({ object, query: { after = null, limit } }) => {
      const people = await object.people({ after, limit: limit + 1 })
      const { items, next } = page(people, limit, ({ name }) => name)
      return Response.json({ items: items.map(personResource), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'A person',
      answers: { 200: answer('The person', shownSchema()) },
    },
    async ({ object, params }) => {
      const person = await object.person(params.name)
      return person === null ? notFound('person') : tagged(personResource(person), person.tag)
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Adds a person, or changes their role, address and accounts',
      description: LAST_ADMIN,
      body: jsonBody(personSchema()),
      answers: {
        200: answer('The person as they are now', changedSchema()),
        201: answer('The person was added', changedSchema()),
      },
      creates: true,
      versioned: true,
    },
    async ({ object, tenant, params: { name }, body, by }) => {
      const wrong = nameProblem('person', name)
      if (wrong !== null) return invalid([wrong])
      const put = await object.putPerson(tenant, name, body, by)
      if (put.kind !== 'done') return refusal(put)
      const warnings = [...tenantWarnings(put, tenant), ...adminWarnings(put, tenant)]
      return tagged({ ...personResource(put.now), warnings }, put.now.tag, put.created ? 201 : 200)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Removes a person, and with them their tokens',
      description: LAST_ADMIN,
      versioned: true,
      answers: removed(),
    },
    async ({ object, tenant, params, by }) => {
      const removed = await object.deletePerson(params.name, by)
      return removal(removed, 'person', adminWarnings(removed, tenant))
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/token`,
      role: 'admin',
      summary: 'Gives a person a token, which takes the place of those before it',
      description:
        'It is in this answer and nowhere else. Those before it are good for `overlap_seconds` more.',
      body: jsonBody(
        object({
          expires_at: expiresAt(),
          overlap_seconds: overlapSeconds({ most: MOST_OVERLAP_SECONDS, usual: 0 }),
        }),
      ),
      answers: {
        201: answer(
          'The person and the token',
          changedSchema().extend({ token: z.string(), expires_at: z.string().nullable() }),
        ),
      },
      creates: true,
    },
    async ({ object, tenant, params: { name }, body, seed, by }) => {
      const nowMs = Date.now()
      const untilMs = body.expires_at === null ? null : Date.parse(body.expires_at)
      const expired = expiryProblem(untilMs, nowMs)
      if (expired !== null) return invalid([expired])
      const { token, hash } = await tokenOf(`gha_${tenant}_${name}_`, seed)
      const put = await object.addPersonToken(name, hash, untilMs, nowMs + body.overlap_seconds * 1_000, by)
      if (put === null) return notFound('person')
      if (put.kind !== 'done') return refusal(put)
      const now = { ...personResource(put.now), warnings: tenantWarnings(put, tenant) }
      return tagged({ ...now, token, expires_at: at(untilMs) }, put.now.tag, 201)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name/token`,
      role: 'admin',
      summary: "Revokes a person's tokens",
      answers: removed(),
    },
    async ({ object, tenant, params, by }) => {
      const removed = await object.revokePersonTokens(params.name, by)
      return removal(removed, 'person', adminWarnings(removed, tenant))
    },
  ),
])

function adminWarnings({ leavesNoAdmin, leavesNoAdminToken }: LeftAdmins, tenant: string): string[] {
  return [
    ...(leavesNoAdmin === true ? [noAdminWarning(tenant)] : []),
    ...(leavesNoAdminToken === true ? [noAdminTokenWarning] : []),
  ]
}

function personResource({ name, role, email, accounts, tokens, createdAtMs, updatedAtMs }: PersonView) {
  const times = { created_at: at(createdAtMs), updated_at: at(updatedAtMs) }
  return { name, role, email, accounts: [...accounts], tokens, ...times }
}
