/** The stream of a session with a server, on which it speaks without being asked (MCP 2025-11-25, listening for messages). */
import { hasBatches } from '../base/revisions.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { openFor } from '../bridge/partner.ts'
import { type NotNow, notNow, type Opened, passedOn, rewritten, sourceFrom } from '../bridge/stream-source.ts'
import { streamAcross } from '../bridge/streams.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import { sessionAmong } from '../eras/mark.ts'
import { splitMarked } from '../upstream/event-marks.ts'
import { isForgotten, knowsSession } from '../upstream/forgetting.ts'
import { discard, retryAfterSeconds, type Sent, send } from '../upstream/http.ts'
import { unchanged } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'

/** Statuses of servers that have no streams. Any other status may pass: another stream is open, too much is asked, it is ill. */
const noStream: ReadonlySet<number> = new Set([405, 501])

/** Sessions that have no stream, as far as this isolate was told. */
const streamless = new Set<string>()
const MOST_KEPT = 2_000

function keyOf({ link, context }: Reached, { id }: UpstreamSession): string {
  const { name, url, incarnation } = link.config
  const { tenant, grant } = context.presented
  return JSON.stringify([tenant, name, url, incarnation, grant, context.transport, context.login, id])
}

/**
 * Opens the stream behind the event of that id, where there is one, with its names as the client is told them. The event of another
 * session is not told to this one. A session that the server has forgotten is renewed.
 * @param onRenewed called with the session that has taken its place
 */
export async function sourceOf(
  at: Reached,
  lastEventId: string | undefined,
  onRenewed: (session: UpstreamSession) => void = () => {},
): Promise<Opened> {
  const session = sessionAmong(at.admitted.upstream)
  if (session === null) return streamAcross(at)
  if (streamless.has(keyOf(at, session))) return 'none'
  const first = await get(at, session, lastEventId)
  if (first !== 'forgotten') return first
  // 404 is also said by a server that has no such route. One that knows the session is not made to open another.
  const isKnown = await knowsSession(at.link, session, at.signal)
  if (isKnown === null) return notNow
  if (isKnown) return none(at, session)
  const renewed = await openFor(conversationAt(at), session.id)
  if (renewed === 'other_era') return notNow
  if (!renewed.ok) return later(renewed.problem.retryAfterSeconds)
  if (renewed.partner.era !== 'session') return notNow
  onRenewed(renewed.partner.session)
  if (at.signal?.aborted) return notNow
  const again = await get(at, renewed.partner.session, undefined)
  // It has just been opened, so this is about the stream.
  return again === 'forgotten' ? none(at, renewed.partner.session) : again
}

function none(at: Reached, session: UpstreamSession): 'none' {
  if (streamless.size >= MOST_KEPT) streamless.clear()
  streamless.add(keyOf(at, session))
  return 'none'
}

function later(seconds: number | null): NotNow {
  return seconds === null ? notNow : { againInMs: seconds * 1_000 }
}

async function get(
  at: Reached,
  session: UpstreamSession,
  lastEventId: string | undefined,
): Promise<Opened | 'forgotten'> {
  const asker = session.tag ?? null
  const marked = lastEventId === undefined ? null : splitMarked(lastEventId)
  const isOthers = marked !== null && marked.asker !== null && marked.asker !== asker
  const [last, pair] = isOthers ? [undefined, null] : [marked?.id ?? lastEventId, marked?.pair ?? null]
  const sent = await send(at.link, {
    method: 'GET',
    headers: requestHeaders({ client: at.context.http.headers, session, lastEventId: last }),
    isEndless: true,
    signal: at.signal,
  })
  if (!sent.ok) return later(sent.problem.retryAfterSeconds)
  const source = sourceFrom(sent)
  if (source === null) return refusal(at, sent, session)
  const apart = hasBatches(session.protocolVersion) ? rewritten(source, unchanged) : source
  return pair === null && asker === null ? apart : passedOn(apart, { pair, asker })
}

async function refusal(
  at: Reached,
  sent: Extract<Sent, { ok: true }>,
  session: UpstreamSession,
): Promise<Opened | 'forgotten'> {
  const { response, hold } = sent
  if (await isForgotten(sent, session, null, () => {})) return 'forgotten'
  discard(response)
  hold.end(null)
  // A session without an id cannot be forgotten, so there 404 is about the stream, too.
  const isNone =
    response.ok || noStream.has(response.status) || (session.id === null && response.status === 404)
  if (isNone) return none(at, session)
  return later(retryAfterSeconds(response))
}
