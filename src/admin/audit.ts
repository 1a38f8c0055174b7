/** The administration API's audit trail: asked, exported, followed and verified. */
import * as z from 'zod/v4'
import { completeUntil } from '../audit/complete.ts'
import { exportRows } from '../audit/export.ts'
import { withOwnNames } from '../audit/exposed.ts'
import { filterQuery } from '../audit/filter.ts'
import { readPage } from '../audit/query.ts'
import { rowSchema, shownRow } from '../audit/shown.ts'
import { tailEvents } from '../audit/tail.ts'
import { verify } from '../audit/verify.ts'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { rowOrders } from '../contract/audit-filters.ts'
import type { Env } from '../contract/env.ts'
import { object } from '../policy/fragments.ts'
import { at, noSuchTenant } from './answers.ts'
import { answer, jsonBody, pageOf, pageQuery, type Route, route } from './route.ts'
import { authenticate, may } from './who.ts'

const PATH = '/api/v1/tenants/:tenant/audit'

const arrival = lazy(() =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'the next or last of an earlier export')
    .optional(),
)

const verificationSchema = lazy(() =>
  z.object({
    intact: z.boolean().describe('Nothing was found in what this answer covers'),
    rows: z.int(),
    logs: z.int(),
    findings: z.array(
      z.object({
        grant: z.string(),
        chain: z.string(),
        seq: z.int(),
        problem: z.enum(['altered', 'missing', 'cut_short', 'made_up', 'unknown_log']),
        between: z
          .array(z.int())
          .length(2)
          .nullable()
          .describe(
            'For an altered log: it is as it was written up to the first row, and the alteration is not behind the second',
          ),
      }),
    ),
    next: z.string().nullable().describe('`after` of the next request; null: all of it was looked at'),
  }),
)

export const auditRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'Decisions, ends of sessions and administrative changes, by time',
      query: object({
        ...filterQuery(),
        ...pageQuery(),
        order: z.enum(rowOrders, { error: rowOrders.join(' or ') }).default('newest'),
      }),
      answers: {
        200: answer(
          'A page of rows',
          pageOf(rowSchema()).extend({
            complete_until: z
              .string()
              .nullable()
              .optional()
              .describe('Everything of before this time is here; null: nobody can say. On the first page.'),
          }),
        ),
      },
    },
    async ({ env, tenant, query: { after = null, limit, order, ...filter } }) => {
      const { AUDIT_DB: db } = env
      if (db === undefined) return noDatabase()
      // Before the page is read: what comes while it is read is not promised.
      const completeMs = after === null ? await completeAt(env, tenant, filter.grant) : undefined
      const page = await readPage(db, tenant, await withOwnNames(db, tenant, filter), { order, after, limit })
      if (page === null) return problem(400, 'Invalid query', 'after is not a cursor of this list')
      return Response.json({
        items: page.rows.map(shownRow),
        next: page.next,
        ...(completeMs === undefined ? {} : { complete_until: at(completeMs) }),
      })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/export`,
      role: 'viewer',
      summary: 'All rows as lines of JSON, in the order in which they came',
      description:
        'The last line is {"end":true,…}; an export without it is not whole. `next`: go on with it as `after`. ' +
        '`last`: what comes later is had with it as `after`.',
      query: object({ ...filterQuery(), after: arrival() }),
      answers: { 200: answer('Lines of JSON', null, 'application/x-ndjson') },
    },
    async ({ env, tenant, query: { after = '0', ...filter } }) => {
      const { AUDIT_DB: db } = env
      if (db === undefined) return noDatabase()
      const named = await withOwnNames(db, tenant, filter)
      return new Response(exportRows(db, tenant, named, Number(after)), {
        headers: {
          'content-type': 'application/x-ndjson',
          'cache-control': 'no-store',
          'content-disposition': `attachment; filename="audit-${tenant}.ndjson"`,
        },
      })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/tail`,
      role: 'viewer',
      summary: 'Rows as they happen, as server-sent events',
      description:
        'Ends by itself after a while; a client that comes again with Last-Event-ID misses nothing.',
      query: object({ ...filterQuery() }),
      answers: { 200: answer('Server-sent events; each is a row', null, 'text/event-stream') },
    },
    async ({ c, env, tenant, query: filter }) => {
      const { AUDIT_DB: db } = env
      if (db === undefined) return noDatabase()
      const given = c.req.header('last-event-id') ?? ''
      const events = tailEvents({
        env,
        db,
        tenant,
        filter,
        after: /^\d{1,15}$/.test(given) ? Number(given) : null,
        isAllowed: async () => {
          const who = await authenticate(c)
          return who !== null && may(who, 'viewer')
        },
        now: () => Date.now(),
        wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      })
      return new Response(events, {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/verify`,
      role: 'viewer',
      summary: 'Proves that no row was removed or altered',
      description: 'Goes through the trail in pieces: repeat with `next` as `after` until it is null.',
      body: jsonBody(object({ after: z.string().max(1_000).optional() })),
      answers: { 200: answer('The findings', verificationSchema()) },
    },
    async ({ env, tenant, body: { after = null } }) => {
      const { AUDIT_DB: db } = env
      if (db === undefined) return noDatabase()
      const found = await verify(env, db, tenant, after)
      if (found === null)
        return after === null
          ? noSuchTenant(tenant)
          : problem(400, 'Invalid request', 'after is not the next of an earlier answer')
      return Response.json({ intact: found.findings.length === 0, ...found })
    },
  ),
])

function completeAt(env: Env, tenant: string, grant: string | undefined): Promise<number | null> {
  return completeUntil(env, tenant, grant ?? null, Date.now())
}

function noDatabase(): Response {
  return problem(
    503,
    'No audit database',
    'This deployment has no binding AUDIT_DB: docs/audit.md says how to add one.',
  )
}
