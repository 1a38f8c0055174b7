/** Event streams between the eras. */
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import {
  acknowledged,
  changeForStateless,
  honoured,
  type NotificationFilter,
  notificationFilterOf,
} from '../eras/for-session.ts'
import { profileOf } from '../request/client.ts'
import type { RequestMessage } from '../request/message.ts'
import { decline, decliningIn } from '../upstream/declining.ts'
import { discard, isEventStream, rejection, send } from '../upstream/http.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { sessionRefused } from '../upstream/opening.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { messageEvent } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { announce, closeSession, openSession } from '../upstream/session.ts'
import { conversationAt, type Reached } from './conversation.ts'
import { findPartner } from './partner.ts'
import { notNow, type Opened, type StreamSource } from './stream-source.ts'
import { openWatch } from './watched.ts'

/** For a GET of the session era: what a server of the stateless era says to a subscriber. */
export async function streamAcross(at: Reached): Promise<Opened> {
  const found = await findPartner(conversationAt(at))
  if (!found.ok) return notNow
  if (found.partner.era === 'session') return 'none'
  return (await openWatch(at.context, at.link, at.client)) ?? notNow
}

/**
 * `subscriptions/listen` for a server of the session era. It gets a session of its own: a server sends each message on
 * one stream of a session only (MCP 2025-11-25, multiple connections), and what is watched belongs to the session.
 */
export async function subscribeAcross(
  { link, context, client }: Reached,
  message: RequestMessage,
): Promise<StreamSource | UpstreamProblem> {
  const opened = await openSession(link, profileOf(client), context.http.headers)
  if (opened.kind === 'failed') return opened.problem
  if (opened.kind === 'refused') return sessionRefused(opened.message)
  const session = { id: opened.id, protocolVersion: opened.protocolVersion }
  const problem = await announce(link, session)
  if (problem !== null) {
    link.waitUntil(closeSession(link, session))
    return problem
  }
  const filter = honoured(notificationFilterOf(message.body.params), opened.message.result?.capabilities)
  return sourceOf(link, session, message, filter)
}

/** Statuses of servers that have no streams, also as a page, for the session has just been opened. Any other status may pass. */
const noStream: ReadonlySet<number> = new Set([404, 405, 501])

/** Turns the session's messages into those of this subscriber. The stream begins with the acknowledgement and ends with the session. */
async function sourceOf(
  link: UpstreamLink,
  session: SessionNames,
  { id }: RequestMessage,
  filter: NotificationFilter,
): Promise<StreamSource | UpstreamProblem> {
  const abort = new AbortController()
  const open = (lastEventId?: string) =>
    send(link, {
      method: 'GET',
      headers: requestHeaders({ client: null, session, lastEventId }),
      isEndless: true,
      signal: abort.signal,
    })
  const sent = await open()
  const problem = sent.ok ? rejection(sent.response, link) : sent.problem
  if (problem !== null && !(problem.status !== null && noStream.has(problem.status))) {
    if (sent.ok) {
      discard(sent.response)
      sent.hold.end(null)
    }
    link.waitUntil(closeSession(link, session))
    return problem
  }
  const hasStream = sent.ok && sent.response.ok && isEventStream(sent.response)
  const reader = sent.ok ? new MessageReader(sent, null, open) : null
  // Watched only once the stream is there, so that nothing is missed.
  const watched = hasStream ? await watch(link, session, filter.resourceSubscriptions ?? []) : []
  // Changes of the list of tools that the gateway itself makes can always be reported.
  const kept: NotificationFilter = hasStream
    ? { ...filter, resourceSubscriptions: watched }
    : filter.toolsListChanged === true
      ? { toolsListChanged: true }
      : {}
  const encoder = new TextEncoder()
  let isOver = false
  const end = () => {
    if (isOver) return
    isOver = true
    abort.abort()
    reader?.close(null)
    link.waitUntil(leave(link, session, watched))
  }
  if (!hasStream) reader?.close(null)
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(messageEvent(acknowledged(id, withoutEmpty(kept)))))
    },
    async pull(controller) {
      // Without a stream of the server's there is what the gateway itself has to say.
      if (!hasStream || reader === null) return
      try {
        // Until something was said: a pull that brings nothing is not repeated.
        for (let isSaid = false; !isSaid; ) {
          for (const message of await reader.next()) {
            if (message.method !== undefined && message.id !== undefined)
              link.waitUntil(decline(link, session, message))
            const change = changeForStateless(message, id, kept)
            if (change === null) continue
            controller.enqueue(encoder.encode(messageEvent(change)))
            isSaid = true
          }
        }
      } catch {
        // The server's stream is over, and so is the subscription: the client comes back.
        end()
        controller.close()
      }
    },
    cancel: end,
  })
  return { body: stream, end }
}

function withoutEmpty({ resourceSubscriptions: uris, ...lists }: NotificationFilter): NotificationFilter {
  return uris === undefined || uris.length === 0 ? lists : { ...lists, resourceSubscriptions: uris }
}

/** Asks for updates of resources. Returns those that the server has agreed to. */
async function watch(
  link: UpstreamLink,
  session: SessionNames,
  uris: readonly string[],
): Promise<readonly string[]> {
  const agreed = await Promise.all(uris.map((uri) => request(link, session, 'resources/subscribe', uri)))
  return uris.filter((_, index) => agreed[index])
}

async function request(
  link: UpstreamLink,
  session: SessionNames,
  method: string,
  uri: string,
): Promise<boolean> {
  const id = crypto.randomUUID()
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, session }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { uri } }),
  })
  if (!sent.ok) return false
  const answer = await readAnswer(sent.response, sent.hold, {
    id,
    mostBytes: 64 * 1024,
    onRequest: decliningIn(link, session),
  })
  return answer.ok && answer.message.result !== undefined
}

/** Unsubscribes and ends the session: not every server lets a session be ended. */
async function leave(link: UpstreamLink, session: SessionNames, uris: readonly string[]): Promise<void> {
  await Promise.all(uris.map((uri) => request(link, session, 'resources/unsubscribe', uri)))
  await closeSession(link, session)
}
