/**
 * Chooses the era, and the session, in which an upstream is spoken to: the client's own era where the upstream has it,
 * else the other one, with a bridge between.
 */

import { principalOf } from '../contract/objects.ts'
import type { ClaimRequest, UpstreamSession } from '../contract/principal.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { isMark, sessionAmong } from '../eras/mark.ts'
import { afterAnswer } from '../request/admission.ts'
import { ownerOf, profileOf } from '../request/client.ts'
import { discover } from '../upstream/discover.ts'
import { askAnew, erasOf } from '../upstream/health.ts'
import { openForClient, sessionRefused } from '../upstream/opening.ts'
import { problemOf } from '../upstream/problem.ts'
import { announce, closeSession } from '../upstream/session.ts'
import type { Conversation, Partner } from './conversation.ts'
import { keepIntroduction } from './introduce.ts'
import { sendPreferences } from './preferences.ts'

export type Found =
  | { readonly ok: true; readonly partner: Partner }
  /** `isUnclear`: it answered, but as neither era does; perhaps it speaks the other one. */
  | { readonly ok: false; readonly problem: UpstreamProblem; readonly isUnclear?: boolean }

/** Finds out how to speak to the upstream, and opens a session with it where one is needed. */
export async function findPartner(conversation: Conversation): Promise<Found> {
  const { link, client, known } = conversation
  askAnew(link)
  if (client.era === 'session') {
    if (isMark(known) && erasOf(link).stateless !== false) return { ok: true, partner: { era: 'stateless' } }
    const session = sessionAmong(known)
    if (session !== null) return { ok: true, partner: { era: 'session', session } }
    return firstOf(conversation, trySession, tryStateless)
  }
  // A server that is known for the older era alone is not asked again with every request.
  return firstOf(conversation, tryStateless, trySession)
}

type Attempt = (conversation: Conversation) => Promise<Found | null>

async function firstOf(conversation: Conversation, preferred: Attempt, other: Attempt): Promise<Found> {
  const first = await preferred(conversation)
  if (first !== null && (first.ok || first.isUnclear !== true)) return first
  const second = await other(conversation)
  return second?.ok === true ? second : (first ?? second ?? neither())
}

async function trySession(conversation: Conversation): Promise<Found | null> {
  const { link, known } = conversation
  if (erasOf(link).session === false) return null
  const session = sessionAmong(known)
  if (session !== null) return { ok: true, partner: { era: 'session', session } }
  const opened = await openFor(conversation, known === null ? undefined : known.id)
  return opened === 'other_era' ? null : opened
}

async function tryStateless({ link, signal }: Conversation): Promise<Found | null> {
  const { stateless } = erasOf(link)
  if (stateless === true) return { ok: true, partner: { era: 'stateless' } }
  if (stateless === false) return null
  const discovered = await discover(link, signal)
  if (discovered.kind === 'failed') return { ok: false, problem: discovered.problem }
  if (discovered.kind === 'unclear') return { ok: false, problem: discovered.problem, isUnclear: true }
  return discovered.kind === 'discovered' ? { ok: true, partner: { era: 'stateless' } } : null
}

function neither(): Found {
  const message = 'speaks no revision of MCP that the gateway knows'
  return { ok: false, problem: problemOf('not_mcp', message, { isUndone: true }) }
}

/**
 * Opens a session in the client's name and remembers it; `replaces` is the id of one that the upstream forgot. Where several requests
 * need it at the same time one opens it, and the others get that one.
 */
export async function openFor(
  conversation: Conversation,
  replaces: string | null | undefined,
): Promise<Found | 'other_era'> {
  const claim = claimOf(conversation, replaces)
  const claimed = await principalOf(conversation.context)
    .claimUpstream(claim)
    .catch(() => ({ kind: 'unavailable' }) as const)
  if (claimed.kind === 'bound') return found(claimed.session)
  if (claimed.kind !== 'open') return ended()
  const opened = await openAlone(conversation, replaces)
  const isBound = opened !== 'other_era' && opened.ok
  if (!isBound) afterAnswer(conversation.context, (principal) => principal.giveUpUpstream(claim))
  return opened
}

async function openAlone(
  conversation: Conversation,
  replaces: string | null | undefined,
): Promise<Found | 'other_era'> {
  const { link, client, context, signal } = conversation
  const opened = await openForClient(link, profileOf(client), context.http.headers, signal)
  if (opened.kind === 'failed') return { ok: false, problem: opened.problem }
  if (opened.kind === 'other_era') return 'other_era'
  if (opened.kind !== 'opened')
    return { ok: false, problem: sessionRefused(opened.message), isUnclear: opened.kind === 'unclear' }
  keepIntroduction(link, client, opened.message.result)
  const mine = { id: opened.id, protocolVersion: opened.protocolVersion }
  const refused = await announce(link, mine)
  if (refused !== null) {
    link.waitUntil(closeSession(link, mine))
    return { ok: false, problem: refused }
  }
  return bind(conversation, mine, replaces, opened.message.result?.capabilities)
}

/**
 * Finds the server's partner for a session that the principal knows. A session that stands for a server of the other era has none at the
 * server.
 */
function found(session: UpstreamSession): Found {
  const partner: Partner = isMark(session) ? { era: 'stateless' } : { era: 'session', session }
  return { ok: true, partner }
}

function ended(): Found {
  const message = 'could not be asked: the session of the gateway has ended'
  return { ok: false, problem: problemOf('misconfigured', message, { isUndone: true }) }
}

function claimOf({ context, client, link }: Conversation, replaces: ClaimRequest['replaces']): ClaimRequest {
  return {
    credential: context.presented.credential,
    transport: context.transport,
    owner: ownerOf(client),
    login: context.login,
    server: link.config.name,
    url: link.config.url,
    incarnation: link.config.incarnation,
    replaces,
  }
}

/** Has the principal forget a session that its server has ended; the next request opens another. */
export function forget({ context, client, link }: Conversation, id: string | null): void {
  if (id === null) return
  const { presented, transport } = context
  afterAnswer(context, (principal) =>
    principal.forgetUpstream({
      credential: presented.credential,
      transport,
      owner: ownerOf(client),
      server: link.config.name,
      id,
    }),
  )
}

/**
 * Has the principal store a session. Where two were opened at once the first counts, and the other is closed. The one that counts is sent
 * the client's earlier preferences.
 * @param capabilities those that the server has declared in it
 */
export async function bind(
  conversation: Conversation,
  mine: { readonly id: string | null; readonly protocolVersion: string },
  replaces: string | null | undefined,
  capabilities: unknown,
): Promise<Found> {
  const { context, link } = conversation
  const bound = await principalOf(context)
    .bindUpstream({ ...claimOf(conversation, replaces), session: mine })
    .catch(() => ({ kind: 'unavailable' }) as const)
  if (bound.kind !== 'bound') {
    link.waitUntil(closeSession(link, mine))
    return ended()
  }
  if (bound.session.id !== mine.id) link.waitUntil(closeSession(link, mine))
  else if (bound.wishes !== undefined) await sendPreferences(conversation, mine, bound.wishes, capabilities)
  return found(bound.session)
}
