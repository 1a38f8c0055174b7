/**
 * From a tool call to the HTTP request that Legiti understands. All that is believed about Legiti's wire is in
 * this file, because none of it is certain (legiti.md): another contract is another profile here, and nothing
 * elsewhere.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import { findLegitiTool, type LegitiToolName } from './tools/all.ts'
import { unixSecondsOfIso } from './tools/calendar.ts'

/**
 * The shapes that Legiti's interface has had; a tenant is on one of them. `collection`: the 2020 documents and
 * the origin's server. `ticketing-v1`: only its authentication event is known, so all else is sent as in
 * `collection`.
 */
export const profiles = ['collection', 'ticketing-v1'] as const

export type Profile = (typeof profiles)[number]

/** An event sent later than this after it happened carries its own time. In milliseconds. */
export const LATE_AFTER_MS = 60_000

/** A request to Legiti. `path` is percent-encoded, starts with `/` and is appended to the customer's base URL. */
export interface WireRequest {
  method: 'GET' | 'POST' | 'PUT'
  path: string
  /** JSON body; null for a GET, which has none. */
  body: Record<string, unknown> | null
}

interface Route {
  method: WireRequest['method']
  path: string
  /** The action that a convenience tool sets, over any in its arguments. */
  action?: string
}

const routes: Record<LegitiToolName, Route> = {
  evaluate_order: { method: 'POST', path: '/v2/order' },
  update_order: { method: 'PUT', path: '/v2/order' },
  mark_order_fraudulent: { method: 'POST', path: '/v2/order/mark_fraudulent' },
  mark_dispute_resolution: { method: 'POST', path: '/v2/order/mark_dispute_resolution' },
  evaluate_sale: { method: 'POST', path: '/evaluation' },
  get_decision: { method: 'GET', path: '/v2/order/' },
  update_decision_status: { method: 'POST', path: '/v2/order/decision' },
  track_account: { method: 'POST', path: '/account' },
  track_signup: { method: 'POST', path: '/account', action: 'create' },
  track_account_update: { method: 'POST', path: '/account', action: 'update' },
  track_event: { method: 'POST', path: '/event' },
  track_event_view: { method: 'POST', path: '/event_view' },
  track_sale: { method: 'POST', path: '/sale' },
  track_payment: { method: 'POST', path: '/payment' },
  track_auth: { method: 'POST', path: '/auth' },
  track_login: { method: 'POST', path: '/auth', action: 'login' },
  track_logout: { method: 'POST', path: '/auth', action: 'logout' },
  track_password_recovery: { method: 'POST', path: '/auth', action: 'password_recovery' },
}

/** Arguments that an agent may give in ISO 8601 and that Legiti takes in Unix seconds (fields.ts, `moment`). */
const MOMENTS = ['sale_datetime', 'status_datetime', 'chargeback_datetime', 'resolution_datetime']

type Args = Readonly<Record<string, unknown>>

/**
 * The request that a tool call becomes. `args` have passed the tool's `input`. `time` is given for events that
 * were queued, both ends in Unix milliseconds: one that is sent more than LATE_AFTER_MS after it happened gets
 * its own `timestamp` (Unix seconds), unless it has one, or its tool takes none; on time, the body stays the
 * smallest that is documented.
 */
export function toWire(
  profile: Profile,
  tool: LegitiToolName,
  args: Args,
  time?: { occurredAtMs: number; sentAtMs: number },
): WireRequest {
  const { method, path, action } = routes[tool]
  if (tool === 'get_decision') return { method, path: path + pathSegment(args.sale_id), body: null }

  const body = inUnixSeconds(present(args))
  if (time !== undefined && isLate(time) && body.timestamp === undefined && takesTimestamp(tool)) {
    body.timestamp = Math.floor(time.occurredAtMs / 1000)
  }
  if (action !== undefined) body.action = action
  return path === '/auth' ? authRequest(profile, body) : { method, path, body }
}

/**
 * The line in which an event waits: events of one key are delivered in order, those of two keys need not be.
 * The account when it is known, else the sale, else the event on sale; null when none is named.
 */
export function orderingKey(_tool: LegitiToolName, args: Args): string | null {
  if (isId(args.account_id)) return `account:${args.account_id}`
  if (isId(args.sale_id)) return `sale:${args.sale_id}`
  if (isId(args.event_id)) return `event:${args.event_id}`
  return null
}

/** The authentication event, the one whose shape differs between the profiles. */
function authRequest(profile: Profile, args: Args): WireRequest {
  const { account_id, action } = args
  const succeeded = args.success !== false
  const context = present({ ip: args.ip, user_agent: args.user_agent, timestamp: args.timestamp })
  switch (profile) {
    case 'collection': {
      const outcome = action === 'login' ? { success: succeeded } : {}
      return { method: 'POST', path: '/auth', body: { account_id, action, ...outcome, ...context } }
    }
    case 'ticketing-v1': {
      const login = succeeded ? 'login_success' : 'login_failure'
      const action_type = action === 'login' ? login : action
      return {
        method: 'POST',
        path: '/ticketing/v1/auth',
        body: { user_id: account_id, action_type, ...context },
      }
    }
  }
}

/**
 * An id as one segment of a path. `.` and `..` would navigate, and so would `%2E%2E`, which the URL parser takes
 * for the same (WHATWG URL, double-dot path segment); so the percent sign is encoded as well. fields.ts refuses
 * both ids: this is the second lock, and what it lets through names no order.
 */
function pathSegment(id: unknown): string {
  const encoded = encodeURIComponent(typeof id === 'string' ? id.toWellFormed() : '')
  return encoded === '.' || encoded === '..' ? encoded.replaceAll('.', '%252E') : encoded
}

function isLate(time: { occurredAtMs: number; sentAtMs: number }): boolean {
  return time.sentAtMs - time.occurredAtMs > LATE_AFTER_MS
}

function takesTimestamp(tool: LegitiToolName): boolean {
  return 'timestamp' in (findLegitiTool(tool)?.input().shape ?? {})
}

/** A copy without the keys whose value is undefined, as JSON would have it. */
function present(args: Args): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined))
}

function inUnixSeconds(args: Args): Record<string, unknown> {
  const body = { ...args }
  for (const name of MOMENTS) {
    const value = body[name]
    if (typeof value === 'string') body[name] = unixSecondsOfIso(value) ?? value
  }
  return body
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
