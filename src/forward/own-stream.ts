/** The stream of a session with a server, on which it speaks without being asked (MCP 2025-11-25, listening for messages). */
import { sessionAmong } from '../bridge/mark.ts'
import { streamAcross } from '../bridge/streams.ts'
import type { UpstreamSession } from '../principal/contract.ts'
import { hasBatches } from '../revisions.ts'
import { splitMarked } from '../upstream/event-marks.ts'
import { discard, retryAfterSeconds, type Sent, send } from '../upstream/http.ts'
import { unchanged } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { isForgotten } from './forgetting.ts'
import { openFor } from './partner.ts'
import { type Reached, talkAt } from './single.ts'
import { type NotNow, notNow, type Opened, passedOn, rewritten, sourceFrom } from './stream-source.ts'

/** Said by servers that have no streams. Anything else may pass: another stream is open, too much is asked, it is ill. */
const noStream: ReadonlySet<number> = new Set([405, 501])

/** Sessions that have no stream, as far as this isolate was told; and servers that answer 404 to a GET in any session. */
const streamless = new Map<string, number>()
const MOST_KEPT = 2_000
/** A server that is changed may have streams afterwards. */
const FRESH_MS = 10 * 60_000

function keep(key: string, untilMs: number): void {
  if (streamless.size >= MOST_KEPT) streamless.clear()
  streamless.set(key, untilMs)
}

function isStreamless(key: string): boolean {
  return (streamless.get(key) ?? 0) > Date.now()
}

function serverKey({ link, passage }: Reached): string {
  const { name, url, incarnation } = link.config
  return JSON.stringify([passage.claim.tenant, name, url, incarnation])
}

function sessionKey(at: Reached, { id }: UpstreamSession): string {
  return JSON.stringify([serverKey(at), at.passage.claim.grant, at.passage.transport, at.passage.login, id])
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
  if (isStreamless(sessionKey(at, session))) return 'none'
  const first = await get(at, session, lastEventId)
  if (first !== 'forgotten') return first
  // A page says 404, too, where a server has no streams: with one that does so in a session just opened nothing is renewed.
  if (isStreamless(serverKey(at))) return none(at, session)
  const renewed = await openFor(talkAt(at), session.id)
  if (renewed === 'other_era') return notNow
  if (!renewed.ok) return later(renewed.problem.retryAfterSeconds)
  if (renewed.partner.era !== 'session') return notNow
  onRenewed(renewed.partner.session)
  if (at.signal?.aborted) return notNow
  const again = await get(at, renewed.partner.session, undefined)
  if (again !== 'forgotten') return again
  keep(serverKey(at), Date.now() + FRESH_MS)
  return none(at, renewed.partner.session)
}

function none(at: Reached, session: UpstreamSession): 'none' {
  keep(sessionKey(at, session), Number.POSITIVE_INFINITY)
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
    headers: requestHeaders({ client: at.passage.http.headers, session, lastEventId: last }),
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
  if (response.ok || noStream.has(response.status)) return none(at, session)
  return later(retryAfterSeconds(response))
}
