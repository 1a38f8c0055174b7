/**
 * One HTTP request to an upstream: within the breaker, the cap and the time that it has, and never to where the
 * upstream would redirect it.
 */
import { HOP_HEADER } from '../base/hops.ts'
import { errorName } from '../base/log.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { abandonment, cancelledByClient } from './answer-problems.ts'
import type { Cancellation } from './cancellation.ts'
import { upstreamRequestHeaders } from './headers.ts'
import { enter, enterAside } from './health.ts'
import type { UpstreamLink } from './link.ts'
import { problemOf } from './problem.ts'
import { lookedAt } from './refusal.ts'
import type { HeaderChoices } from './request-headers.ts'
import { type LongRequest, Watchdog } from './watchdog.ts'

/** The status with which a gateway answers a request that comes back (RFC 5842, 7.2): hops.ts. */
const LOOP_DETECTED = 508

/** The time that a cancelled request may still take: many servers then send nothing more, and end nothing. */
const CANCELLATION_GRACE_MS = 5_000

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** All but the configured ones, which are added here. */
  readonly headers: HeaderChoices
  readonly body?: string
  /** Aborts when the client has cancelled or, with a `TimeoutError`, when the server has had its time. */
  readonly signal?: AbortSignal | undefined
  /**
   * Aborts when the client has cancelled the request and the server is being notified. The server may then stop in any way, or not at
   * all, and none of that counts as a failure.
   */
  readonly cancellation?: Cancellation | undefined
  /** The listener for a request that takes long. */
  readonly long?: LongRequest | undefined
  /** An event stream that may be silent, and last, as long as it likes once it is open. It takes no place. */
  readonly isEndless?: boolean
  /** It goes along with a request that has a place: health.ts, `enterAside`. */
  readonly isAside?: boolean
  /** As `isEndless`, but it takes a place as any other: the caller limits its time. */
  readonly isUntimed?: boolean
  /** It goes on with another request, whose hold this is: in the place of that one, and within the time that is left of it. */
  readonly within?: Hold
  /** Called before it is sent, with what bounds it in time. */
  readonly onHold?: (hold: Hold) => void
}

/** An open request. Its holder must `end` it. */
export interface Hold {
  readonly link: UpstreamLink
  readonly watchdog: Watchdog
  /** The values of the request that a refusal may repeat and that must not be shown. */
  readonly sent?: Sending
  /** Gives the place back and says how it went; only the first time counts. */
  readonly end: (problem: UpstreamProblem | null) => void
}

/** The values of a request that are shown to nobody else. */
export interface Sending {
  readonly body: string | null
  readonly sessionId: string | null
}

export type Sent =
  | { readonly ok: true; readonly response: Response; readonly hold: Hold }
  | { readonly ok: false; readonly problem: UpstreamProblem }

/** Sends a request. Never throws. */
export async function send(link: UpstreamLink, request: UpstreamRequest): Promise<Sent> {
  if (request.within !== undefined) return sendWithin(link, request, request.within)
  const { config } = link
  const isCancelled = () => request.cancellation?.isRequested === true
  // While it was got ready; the server has not heard of it, and need not.
  if (isCancelled()) return { ok: false, problem: { ...cancelledByClient(null), isUndone: true } }
  const entry = request.isAside === true ? enterAside(link) : enter(link, request.isEndless === true)
  if (entry.kind === 'busy') {
    const open = request.isAside === true ? 'too many messages' : `${config.maxConcurrent} requests`
    const message = `is busy: ${open} are open already`
    return { ok: false, problem: problemOf('busy', message, { isUndone: true, retryAfterSeconds: 1 }) }
  }
  if (entry.kind === 'resting') {
    const seconds = Math.max(1, Math.ceil((entry.retryAtMs - Date.now()) / 1_000))
    const message = 'has failed too often and is left alone for a while'
    return {
      ok: false,
      problem: problemOf('resting', message, { isUndone: true, retryAfterSeconds: seconds }),
    }
  }

  const isUntimed = request.isEndless === true || request.isUntimed === true
  const watchdog = new Watchdog(
    config.responseSeconds * 1_000,
    isUntimed ? Number.POSITIVE_INFINITY : config.callSeconds * 1_000,
    request.long,
  )
  const cancel = () => watchdog.stop(abandonment(request.signal))
  request.signal?.addEventListener('abort', cancel)
  let grace: ReturnType<typeof setTimeout> | null = null
  const letFinish = () => {
    grace = setTimeout(() => watchdog.stop(cancelledByClient(null)), CANCELLATION_GRACE_MS)
  }
  const stopListening = request.cancellation?.onRequest(letFinish)
  const hold: Hold = {
    link,
    watchdog,
    sent: { body: request.body ?? null, sessionId: request.headers.sessionId },
    end: (problem) => {
      watchdog.stop()
      if (grace !== null) clearTimeout(grace)
      request.signal?.removeEventListener('abort', cancel)
      stopListening?.()
      entry.leave(isCancelled() ? asCancelled(problem) : problem)
    },
  }
  if (request.signal?.aborted) watchdog.stop({ ...abandonment(request.signal), isUndone: true })
  request.onHold?.(hold)

  const answered = await answerTo(link, request, watchdog, isUntimed)
  if (answered.ok) return { ...answered, hold }
  hold.end(answered.problem)
  return isCancelled() ? { ok: false, problem: cancelledByClient(null) } : answered
}

/** The holder ends the hold, also where this fails. */
async function sendWithin(link: UpstreamLink, request: UpstreamRequest, hold: Hold): Promise<Sent> {
  const { watchdog } = hold
  watchdog.heard(link.config.responseSeconds * 1_000)
  const answered = await answerTo(link, request, watchdog, false)
  return answered.ok ? { ...answered, hold } : answered
}

async function answerTo(
  link: UpstreamLink,
  request: UpstreamRequest,
  watchdog: Watchdog,
  isUntimed: boolean,
): Promise<{ readonly ok: true; readonly response: Response } | Extract<Sent, { ok: false }>> {
  const { config } = link
  try {
    const answered = await fetch(config.url, {
      method: request.method,
      headers: headersOf(link, request),
      ...(request.body === undefined ? {} : { body: request.body }),
      // An upstream could else lead a request, credentials and all, to where it may not go.
      redirect: 'manual',
      signal: watchdog.signal,
    })
    watchdog.heard(isUntimed ? Number.POSITIVE_INFINITY : config.idleSeconds * 1_000)
    return { ok: true, response: answered.status < 400 ? answered : await lookedAt(answered) }
  } catch (error) {
    return { ok: false, problem: watchdog.problem ?? unreachable(error) }
  }
}

function headersOf(link: UpstreamLink, { method, headers }: UpstreamRequest): Record<string, string> {
  const all = upstreamRequestHeaders({ ...headers, method, configured: link.credentials })
  if (link.hops !== '') all[HOP_HEADER] = link.hops
  return all
}

/** Turns the problem of a cancelled request into one that is no fault. A request that surely was not carried out stays so. */
export function asCancelled(problem: UpstreamProblem | null): UpstreamProblem | null {
  return problem === null || problem.isUndone ? problem : cancelledByClient(problem.status)
}

/**
 * Nothing came back. The runtime has the same words for a connection that never came about and for one that was cut
 * once the request was on it, so it is not known whether the call took effect.
 */
function unreachable(error: unknown): UpstreamProblem {
  return problemOf('refused', `could not be reached, or broke the connection (${errorName(error)})`)
}

/**
 * Cloudflare's own answers for an origin that no connection came about with: nothing was sent. Not 522: it is also said of
 * an origin that took the request and then was silent.
 */
const neverReached: ReadonlySet<number> = new Set([521, 523, 525, 526, 530])

/**
 * Returns the problem of an HTTP answer that is no answer of MCP; null for one that may be. The body of a refusal is not passed on: it
 * may name credentials and addresses that the client must not see.
 */
export function problemIn(
  response: Response,
  { credentials }: Pick<UpstreamLink, 'credentials'>,
): UpstreamProblem | null {
  const { status } = response
  const hasCredentials = Object.keys(credentials).length > 0
  if (status >= 300 && status < 400) {
    const message = `redirected the request (HTTP ${status}), which is not followed`
    // Some redirect after the deed (303), so that it is not known.
    return problemOf('redirect', message, { status })
  }
  if (status === 401 || status === 403) {
    const message = `${refusalIn(status, hasCredentials)} (HTTP ${status})`
    return problemOf('unauthorized', message, { status, isUndone: true })
  }
  if (status === 429) {
    const message = 'limits the rate of requests (HTTP 429)'
    return problemOf('rate_limited', message, {
      status,
      isUndone: true,
      retryAfterSeconds: retryAfterSeconds(response),
    })
  }
  if (neverReached.has(status)) {
    return problemOf('refused', `could not be reached (HTTP ${status})`, { status, isUndone: true })
  }
  if (status === LOOP_DETECTED) {
    const message = 'leads back to this gateway, or through too many others (HTTP 508)'
    return problemOf('http_error', message, { status, isUndone: true })
  }
  if (status >= 500) {
    const message = `answered HTTP ${status}`
    return problemOf('http_error', message, { status, retryAfterSeconds: retryAfterSeconds(response) })
  }
  // Whatever type it claims, an answer of these has no body (RFC 9110, 15.3.5 and 15.3.6).
  const hasBody = status !== 204 && status !== 205
  if (hasBody && (isJson(response) || isEventStream(response))) return null
  const message =
    status === 200
      ? `answered something that is not MCP (${mediaType(response) || 'no Content-Type'})`
      : `answered HTTP ${status}`
  return problemOf(status === 200 ? 'not_mcp' : 'http_error', message, { status, isUndone: status >= 400 })
}

/** Credentials are spoken of where there are any: 403 has many reasons besides, hosts and networks among them. */
function refusalIn(status: 401 | 403, hasCredentials: boolean): string {
  if (status === 401)
    return hasCredentials
      ? "refused the gateway's credentials"
      : 'asks for credentials, and none are configured'
  return hasCredentials ? "refused the request, or the gateway's credentials" : 'refused the request'
}

/** Reads a response's `Retry-After` (RFC 9110, 10.2.3), bounded to a day. */
export function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get('retry-after')
  if (text === null) return null
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000
  return Number.isFinite(seconds) ? Math.min(86_400, Math.max(1, Math.ceil(seconds))) : null
}

export function isJson(response: Response): boolean {
  return mediaType(response) === 'application/json'
}

export function isEventStream(response: Response): boolean {
  return mediaType(response) === 'text/event-stream'
}

/** The media type without its parameters, in lower case; '' for none. */
function mediaType(response: Response): string {
  const text = response.headers.get('content-type') ?? ''
  // Most servers write it so.
  if (text === 'application/json' || text === 'text/event-stream') return text
  return text.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Lets go of a body that nobody will read. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {})
}

/** Why a message that is not answered was not taken, or null where it was. */
export function rejection(response: Response, link: UpstreamLink): UpstreamProblem | null {
  if (response.ok) return null
  const { status } = response
  return (
    problemIn(response, link) ??
    problemOf('http_error', `answered HTTP ${status}`, { status, isUndone: true })
  )
}
