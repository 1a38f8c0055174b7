/** Introduces a server to a client of the other era. */
import type { UpstreamProblem } from '../contract/upstream.ts'
import { discovery } from '../eras/for-session.ts'
import { initialization } from '../eras/for-stateless.ts'
import { type Client, ownerOf, profileOf } from '../request/client.ts'
import { discover } from '../upstream/discover.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { sessionRefused } from '../upstream/opening.ts'
import { problemOf } from '../upstream/problem.ts'
import { serverKey } from '../upstream/server-key.ts'
import { closeSession, openSession } from '../upstream/session.ts'
import type { Conversation, Partner } from './conversation.ts'
import { remember } from './remember.ts'

export type Introduction =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: UpstreamProblem }

type Json = Readonly<Record<string, unknown>>

/** Servers' introductions in sessions that this isolate has opened. A server may change it, so they are kept for a short time. */
const initialized = new Map<string, { readonly result: Json; readonly atMs: number }>()
const FRESH_MS = 5 * 60_000
const MOST_KEPT = 500

function keyOf({ tenant, config }: UpstreamLink, client: Client): string {
  return JSON.stringify([serverKey(tenant, config), ownerOf(client)])
}

/** Keeps what a server has just answered to `initialize`, for a client of the stateless era. */
export function keepIntroduction(link: UpstreamLink, client: Client, result: Json | undefined): void {
  if (client.era === 'session' || result === undefined) return
  if (initialized.size >= MOST_KEPT) initialized.clear()
  initialized.set(keyOf(link, client), { result, atMs: Date.now() })
}

/** The answer to `initialize`, for a server of the stateless era. */
export async function introduceInSession(
  conversation: Conversation,
  protocolVersion: string,
): Promise<Introduction> {
  const { link, context } = conversation
  const discovered = await discover(link)
  if (discovered.kind === 'failed' || discovered.kind === 'unclear')
    return { ok: false, problem: discovered.problem }
  if (discovered.kind === 'other_era') {
    const message = 'speaks no revision of MCP that the gateway knows'
    return { ok: false, problem: problemOf('not_mcp', message, { isUndone: true }) }
  }
  context.execution.waitUntil(remember(context, link.config, null))
  const result = initialization(discovered.message.result ?? {}, protocolVersion, link.config.name)
  return { ok: true, result }
}

/** The answer to `server/discover`, for a server of the session era. */
export async function introduceStateless(
  { link, client, context }: Conversation,
  _partner: Extract<Partner, { era: 'session' }>,
): Promise<Introduction> {
  const kept = initialized.get(keyOf(link, client))
  if (kept !== undefined && Date.now() - kept.atMs < FRESH_MS)
    return { ok: true, result: discovery(kept.result) }
  // The session that is in use was opened elsewhere, and what it began with is known there alone.
  const opened = await openSession(link, profileOf(client), context.http.headers)
  if (opened.kind === 'failed') return { ok: false, problem: opened.problem }
  if (opened.kind === 'refused') return { ok: false, problem: sessionRefused(opened.message) }
  link.waitUntil(closeSession(link, opened))
  keepIntroduction(link, client, opened.message.result)
  return { ok: true, result: discovery(opened.message.result ?? {}) }
}
