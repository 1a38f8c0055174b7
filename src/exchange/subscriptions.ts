/**
 * The subscriptions of one session of a session-era client at a server of the stateless era: the streams that are open for it, and the
 * resources that it watches, which such a server takes all at once.
 */
import { type ClientFacts, envelopeOf } from '../base/revisions.ts'
import { declaredNotifications } from '../contract/declared.ts'
import { clientCapabilities } from '../eras/capabilities.ts'
import { changeForSession } from '../eras/for-stateless.ts'
import { changes } from '../eras/meta.ts'
import { problemFrom } from '../upstream/answer-problems.ts'
import { declaredOf } from '../upstream/health.ts'
import { isEventStream, send } from '../upstream/http.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { messageEvent } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'

const METHOD = 'subscriptions/listen'
/** The most that may wait for a client that reads slowly; beyond it the stream is ended, and the client comes back. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024

/** One open stream of the client's. */
export class Watcher {
  readonly body: ReadableStream<Uint8Array>
  readonly #link: UpstreamLink
  readonly #client: ClientFacts
  readonly #onOver: () => void
  #controller!: ReadableStreamDefaultController<Uint8Array>
  /** The subscription at the server that counts; one that is replaced goes on until the next one stands. */
  #current: AbortController | null = null
  #isOver = false

  constructor(link: UpstreamLink, client: ClientFacts, signal: AbortSignal, onOver: () => void) {
    this.#link = link
    this.#client = client
    this.#onOver = onOver
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        cancel: () => this.#end(),
      },
      { highWaterMark: 0, size: (piece) => piece?.byteLength ?? 0 },
    )
    signal.addEventListener('abort', () => this.#end())
  }

  /** Ends the stream. */
  close(): void {
    this.#end()
  }

  /** Subscribes to all lists and to these resources, instead of what was subscribed to before. */
  async watch(uris: readonly string[]): Promise<void> {
    const before = this.#current
    const abort = new AbortController()
    this.#current = abort
    const isCurrent = () => this.#current === abort && !this.#isOver
    const lists = Object.fromEntries(Object.values(changes).map((name) => [name, true]))
    const filter = { ...lists, ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }) }
    const notifications = declaredNotifications(filter, declaredOf(this.#link, 'stateless'))
    // The server can report nothing. The stream stays open for the gateway's own messages.
    if (Object.keys(notifications).length === 0) return before?.abort()
    const params = {
      notifications,
      _meta: envelopeOf({
        ...this.#client,
        capabilities: clientCapabilities(this.#client.capabilities),
      }),
    }
    const sent = await send(this.#link, {
      method: 'POST',
      headers: requestHeaders({ client: null, stateless: { method: METHOD } }),
      body: JSON.stringify({ jsonrpc: '2.0', id: crypto.randomUUID(), method: METHOD, params }),
      isEndless: true,
      signal: abort.signal,
    })
    if (!sent.ok) {
      if (isCurrent()) this.#end()
      return
    }
    const reader = new MessageReader(sent, null, null)
    if (!isEventStream(sent.response)) {
      // It does not offer this. The stream stays open for what the gateway has to say.
      reader.close(null)
      before?.abort()
      return
    }
    this.#link.waitUntil(this.#pump(reader, before, isCurrent))
  }

  async #pump(
    reader: MessageReader,
    before: AbortController | null,
    isCurrent: () => boolean,
  ): Promise<void> {
    let problem = null
    try {
      for (;;) {
        const messages = await reader.next()
        // It stands: nothing is missed in between, at worst something is heard twice.
        before?.abort()
        for (const message of messages) {
          const change = changeForSession(message)
          if (change !== null) this.#say(messageEvent(change))
        }
      }
    } catch (error) {
      problem = problemFrom(error)
    }
    reader.close(problem.failure === 'cancelled' ? problem : null)
    if (isCurrent()) this.#end()
  }

  #say(text: string): void {
    if (this.#isOver) return
    this.#controller.enqueue(new TextEncoder().encode(text))
    if ((this.#controller.desiredSize ?? 0) < -MOST_WAITING_BYTES) this.#end()
  }

  /** The server's stream is over, so the client's is: it comes back. */
  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#current?.abort()
    try {
      this.#controller.close()
    } catch {
      // The client was first.
    }
    this.#onOver()
  }
}
