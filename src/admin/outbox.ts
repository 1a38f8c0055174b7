/**
 * The administration API's view of a principal's outbox: how it stands, what is in it, and dead letters sent
 * again.
 */
import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { principalObject } from '../contract/objects.ts'
import type { Destination, ListedEvent } from '../contract/outbox.ts'
import { queueStates } from '../contract/queue.ts'
import { isName } from '../names/tokens.ts'
import { object } from '../policy/fragments.ts'
import { at } from './answers.ts'
import { answer, limitQuery, pageOf, type Route, route } from './route.ts'

const PATH = '/api/v1/tenants/:tenant/grants/:grant/outbox'

const statusSchema = lazy(() =>
  z.object({
    pending: z.int(),
    dead: z.int(),
    delivered: z.int(),
    oldest_pending_age_seconds: z.int(),
    destination: z.object({
      state: z
        .enum(['open', 'backing_off', 'paused', 'off'])
        .describe('off: the deployment has no Legiti, and nothing is queued'),
      failures: z.int(),
      retry_at: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  }),
)

const eventSchema = lazy(() =>
  z.object({
    id: z.string(),
    tool: z.string(),
    state: z.enum(queueStates),
    occurred_at: z.string(),
    dead_at: z.string().nullable().optional(),
    delivered_at: z.string().nullable().optional(),
    attempts: z.int(),
    last_error: z.string().nullable(),
  }),
)

export const outboxRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: "How a grant's outbox stands",
      answers: { 200: answer('Counts, age and destination', statusSchema()) },
    },
    async ({ env, tenant, params }) => {
      const status = isName(params.grant) ? await principalObject(env, tenant, params.grant).outbox() : null
      if (status === null) return noSuchGrant()
      const { oldestPendingAtMs, nowMs, destination, isOff, pending, dead, delivered } = status
      return Response.json({
        pending,
        dead,
        delivered,
        oldest_pending_age_seconds:
          oldestPendingAtMs === null ? 0 : Math.max(0, Math.floor((nowMs - oldestPendingAtMs) / 1_000)),
        destination: {
          state: isOff ? 'off' : stateOf(destination, nowMs),
          failures: destination.failures,
          retry_at: at(destination.retryAtMs === 0 ? null : destination.retryAtMs),
          reason: destination.reason === '' ? null : destination.reason,
        },
      })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/events`,
      role: 'viewer',
      summary: 'Events of an outbox in one state, oldest first',
      query: object({
        state: z.enum(queueStates).default('pending'),
        after: z
          .string()
          .regex(/^[0-9]{1,15}$/, 'the next of an earlier page')
          .optional(),
        limit: limitQuery(),
      }),
      answers: { 200: answer('A page of events', pageOf(eventSchema())) },
    },
    async ({ env, tenant, params, query: { state, after = '0', limit } }) => {
      if (!isName(params.grant)) return noSuchGrant()
      const events = await principalObject(env, tenant, params.grant).outboxEvents(
        state,
        Number(after),
        limit,
      )
      if (events === null) return noSuchGrant()
      const next = events.next === null ? null : String(events.next)
      return Response.json({ items: events.events.map(listed), next })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/events/:event/replay`,
      role: 'admin',
      summary: 'Sends a dead letter again',
      answers: {
        202: answer('It is queued', z.object({ event: z.string(), state: z.literal('pending') })),
      },
    },
    async ({ c, env, object, tenant, params: { grant, event }, by }) => {
      const principal = isName(grant) ? principalObject(env, tenant, grant) : null
      if (principal === null || !(await principal.isDeadLetter(event))) return noSuchLetter()
      // On record before it happens: nothing is sent again that nobody can be found for.
      await object.recordReplay(grant, by, event)
      if (!(await principal.replayEvent(event))) return noSuchLetter()
      c.executionCtx.waitUntil(principal.drain())
      return Response.json({ event, state: 'pending' }, { status: 202 })
    },
  ),
])

function stateOf({ paused, retryAtMs }: Destination, nowMs: number) {
  if (paused) return 'paused'
  return retryAtMs > nowMs ? 'backing_off' : 'open'
}

function listed({ id, tool, state, occurredAtMs, settledAtMs, attempts, lastError }: ListedEvent) {
  return {
    id,
    tool,
    state,
    occurred_at: at(occurredAtMs),
    [state === 'dead' ? 'dead_at' : 'delivered_at']: at(settledAtMs),
    attempts,
    last_error: lastError,
  }
}

function noSuchLetter(): Response {
  return problem(404, 'No such dead letter', 'This principal has no dead letter of that id.')
}

function noSuchGrant(): Response {
  return problem(404, 'No such grant', 'This tenant has no grant of that name.')
}
