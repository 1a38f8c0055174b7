/**
 * Tells upstream servers that sessions are over: one HTTP DELETE each (MCP 2025-11-25, transports, session
 * management). Best effort with a bound: an upstream that cannot be tried lets its session expire by itself.
 */
import { log } from '../../base/log.ts'
import type { TenantConfig } from '../../contract/config.ts'
import type { UpstreamConfig } from '../../contract/upstream.ts'
import { inTurns } from '../../durable/turns.ts'
import { upstreamRequestHeaders } from '../../upstream/headers.ts'
import { requestHeaders } from '../../upstream/request-headers.ts'
import {
  dropUpstream,
  type EndingUpstream,
  MOST_TRIES,
  postponeEnding,
  takeEnding,
} from './upstream-session-queue.ts'

/** The time that one upstream may take to answer. */
export const ENDING_TIMEOUT_MS = 5_000

/** The most that are tried at once. */
const CONCURRENCY = 6

export interface UpstreamEndingContext {
  readonly sql: SqlStorage
  readonly principal: string
  /** The server of this name as it is configured now, or null: it is no more. */
  readonly upstream: (server: string) => UpstreamConfig | null
  /** The headers configured for a server, opened. */
  readonly openHeaders: (upstream: UpstreamConfig) => Promise<Readonly<Record<string, string>>>
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly now: () => number
}

/** Tells upstream servers until nobody is to be tried now. Never throws for what goes wrong on the other side. */
export async function endUpstreams(context: UpstreamEndingContext): Promise<void> {
  const { sql, commit, now } = context
  // In turns, for a session with a server that is no more costs no request.
  await inTurns(async () => {
    const batch = await commit(() => takeEnding(sql, CONCURRENCY, now()))
    if (batch.length === 0) return false
    const tried = await Promise.all(
      batch.map(async (it) => ({ it, failure: await endAtServer(context, it) })),
    )
    const silent = await commit(() => tried.filter(({ it, failure }) => settle(context, it, failure)))
    const nowMs = now()
    for (const server of new Set(silent.map(({ it }) => it.server)))
      await inTurns(() => commit(() => postponeEnding(sql, server, nowMs)), Number.POSITIVE_INFINITY)
    return true
  }, Number.POSITIVE_INFINITY)
}

/** Writes down how it went. True: the server did not answer, and its other sessions had better wait. */

function settle(
  { sql, principal }: UpstreamEndingContext,
  it: EndingUpstream,
  failure: string | null,
): boolean {
  if (failure === null || it.tries >= MOST_TRIES) dropUpstream(sql, it.seq)
  if (failure === null) return false
  if (it.tries >= MOST_TRIES) {
    log('warn', 'upstream.session_not_ended', { principal, server: it.server, reason: failure })
  }
  return true
}

/** Null when this is over and done with; otherwise why another try makes sense. */
async function endAtServer(context: UpstreamEndingContext, it: EndingUpstream): Promise<string | null> {
  const upstream = context.upstream(it.server)
  // Nobody to tell any more; or the run that had the last try died.
  if (upstream === null || it.tries > MOST_TRIES) return null
  // Told is who opened it, and nobody else may see its headers: those of now are for where it is now.
  if (it.url === null || new URL(it.url).origin !== new URL(upstream.url).origin) return null
  try {
    const session = { id: it.id, protocolVersion: it.protocolVersion }
    const headers = upstreamRequestHeaders({
      ...requestHeaders({ client: null, session }),
      method: 'DELETE',
      configured: await context.openHeaders(upstream),
    })
    return await sendDelete(it.url, headers)
  } catch {
    return 'unreachable'
  }
}

/** Not AbortSignal.timeout: that would keep the object in memory until it fires. */
async function sendDelete(url: string, headers: Readonly<Record<string, string>>): Promise<string | null> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), ENDING_TIMEOUT_MS)
  try {
    const response = await fetch(url, { method: 'DELETE', headers, redirect: 'manual', signal: abort.signal })
    await response.body?.cancel()
    // Any other answer says that it has heard: 404, that the session is gone; 405, that it ends sessions itself.
    return response.status >= 500 || response.status === 429 ? `http_${response.status}` : null
  } finally {
    clearTimeout(timer)
  }
}

/** Grants that were installed before there were upstream servers have none. */
export function upstreamsOf(config: TenantConfig): readonly UpstreamConfig[] {
  return (config as { upstreams?: readonly UpstreamConfig[] }).upstreams ?? []
}
