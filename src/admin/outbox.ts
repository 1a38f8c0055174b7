/**
 * The administration API's view of a principal's outbox: how it stands, what is in it, and dead letters sent
 * again. Opened by the root token.
 */
import { Hono } from 'hono'
import type { Env } from '../env.ts'
import { problem } from '../errors.ts'
import { isName } from '../gateway/token.ts'
import type { ListedEvent } from '../principal/outbox.ts'
import { rootOnly } from './root.ts'

const states = ['pending', 'dead', 'delivered'] as const
const MOST_EVENTS = 100

export const outboxRoutes = new Hono<{ Bindings: Env }>()

outboxRoutes.use('*', rootOnly)
outboxRoutes.use('*', async (c, next) => {
  const { tenant, grant } = c.req.param() as { tenant?: string; grant?: string }
  if (!isName(tenant ?? '') || !isName(grant ?? '')) return noSuchGrant()
  return next()
})

outboxRoutes.get('/', async (c) => {
  const status = await principal(c.env, c.req.param()).outbox()
  if (status === null) return noSuchGrant()
  const { oldestPendingAtMs, nowMs, destination, pending, dead, delivered } = status
  return c.json({
    pending,
    dead,
    delivered,
    oldest_pending_age_seconds:
      oldestPendingAtMs === null ? 0 : Math.max(0, Math.floor((nowMs - oldestPendingAtMs) / 1_000)),
    destination: {
      state: destination.paused ? 'paused' : destination.retryAtMs > nowMs ? 'backing_off' : 'open',
      failures: destination.failures,
      retry_at: destination.retryAtMs === 0 ? null : new Date(destination.retryAtMs).toISOString(),
      reason: destination.reason === '' ? null : destination.reason,
    },
  })
})

outboxRoutes.get('/events', async (c) => {
  const state = c.req.query('state') ?? 'pending'
  const after = Number(c.req.query('after') ?? 0)
  if (!isState(state)) return problem(400, 'Unknown state', `state is not one of ${states.join(', ')}`)
  if (!Number.isSafeInteger(after) || after < 0)
    return problem(400, 'Unknown cursor', 'after is not a cursor of this list')
  const page = await principal(c.env, c.req.param()).outboxEvents(state, after, MOST_EVENTS)
  if (page === null) return noSuchGrant()
  return c.json({ events: page.events.map(listed), next: page.next })
})

outboxRoutes.post('/events/:event/replay', async (c) => {
  const object = principal(c.env, c.req.param())
  if (!(await object.replayEvent(c.req.param('event')))) {
    return problem(404, 'No such dead letter', 'This principal has no dead letter of that id.')
  }
  c.executionCtx.waitUntil(object.drain())
  return c.json({ event: c.req.param('event'), state: 'pending' }, 202)
})

function principal(env: Env, params: object) {
  const { tenant, grant } = params as { tenant: string; grant: string }
  return env.PRINCIPAL.getByName(`${tenant}/${grant}`)
}

function listed({ id, tool, state, occurredAtMs, settledAtMs, attempts, lastError }: ListedEvent) {
  const at = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
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

function isState(text: string): text is (typeof states)[number] {
  return (states as readonly string[]).includes(text)
}

function noSuchGrant(): Response {
  return problem(404, 'No such grant', 'This tenant has no grant of that name.')
}
