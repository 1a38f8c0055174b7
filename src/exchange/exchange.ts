/**
 * One call of a stateless-era client in a session of its upstream, while the upstream may ask the client for
 * something. The upstream's stream stays open from the first request of the client through all of its retries.
 */
import { codes } from '../base/jsonrpc.ts'
import { answers, isAnswer, type RpcId, type RpcMessage } from '../base/rpc.ts'
import { ANSWER_MS, type Begin, type Continue, type ExchangeLine } from '../contract/exchange.ts'
import type { Outgoing } from '../contract/outgoing.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { lacking } from '../eras/capabilities.ts'
import {
  answerForStateless,
  inputRequired,
  type Leg,
  legOf,
  noteForStateless,
  questionForStateless,
  requestForSession,
} from '../eras/for-session.ts'
import { requestStateOf } from '../eras/names.ts'
import { hungUp, notRpc, problemFrom } from '../upstream/answer-problems.ts'
import { decline } from '../upstream/declining.ts'
import { isForgotten } from '../upstream/forgetting.ts'
import { type Hold, send } from '../upstream/http.ts'
import { LineWriter } from '../upstream/lines.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { notify } from '../upstream/notify.ts'
import { problemOf } from '../upstream/problem.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { cancel, resume } from '../upstream/session-messages.ts'
import { Allowance } from './allowance.ts'
import { listenAside } from './listening.ts'
import { OpenQuestions } from './questions.ts'
import { newSecret } from './secret.ts'

/** The most notifications that are kept while no request of the client's is open. */
const MOST_KEPT = 64
const MOST_ROUNDS = 50

/** The end of a call; its answer still as the upstream gave it. */
type Last = Extract<ExchangeLine, { kind: 'answer' | 'problem' | 'forgotten' }>

/** The object that an exchange lives in. */
export interface Host {
  /** The id of the object, as hex. */
  readonly id: string
  /** It waits for a client, for up to ANSWER_MS. */
  readonly onWaiting: () => void
  /** It is over, and nobody will come back for it. */
  readonly onOver: () => void
}

export class Exchange {
  readonly owner: string
  readonly login: Begin['login']
  readonly begunBy: string
  /** The digest of the call that the policy decided on. */
  readonly digest: string
  readonly #link: UpstreamLink
  readonly #host: Host
  readonly #terms: Begin
  readonly #id = crypto.randomUUID()
  readonly #abort = new AbortController()
  #leg: Leg
  #out: LineWriter<ExchangeLine> | null = null
  #reader: MessageReader | null = null
  #hold: Hold | null = null
  /** Aborts when the call needs no more messages from outside of its own stream. */
  readonly #left = new AbortController()
  readonly #questions = new OpenQuestions()
  #rounds = 0
  #secret: string | null = null
  #kept: RpcMessage[] = []
  /** The last word, where it came while the client was away. */
  #last: Last | null = null
  #isOver = false
  #deadline: ReturnType<typeof setTimeout> | null = null
  /** The time that is the upstream's own: what the client takes does not count. */
  readonly #whole: Allowance

  constructor(link: UpstreamLink, host: Host, terms: Begin, digest: string) {
    this.#link = link
    this.#host = host
    this.#terms = terms
    this.owner = terms.owner
    this.login = terms.login
    this.begunBy = terms.begunBy
    this.digest = digest
    this.#leg = legOf(terms.request)
    this.#whole = new Allowance(link.config.callSeconds * 1_000, () =>
      this.#stop(problemOf('timeout', 'took longer than a whole call may take')),
    )
  }

  get isWaiting(): boolean {
    return this.#deadline !== null
  }

  /** Tells whether it waits for a retry with this secret. */
  isOf(secret: string): boolean {
    return this.#secret !== null && this.#secret === secret
  }

  /** Sends the request. Everything for the client comes with the body. */
  begin(signal: AbortSignal): ReadableStream<Uint8Array> {
    const out = this.#open(signal)
    this.#link.waitUntil(this.#run())
    return out.body
  }

  /** Takes the client's answers and goes on. The caller has looked at owner, beginning and digest. */
  continue({ secret, request }: Continue, signal: AbortSignal): ReadableStream<Uint8Array> | null {
    if (!this.isOf(secret)) return null
    this.#secret = null
    this.#stopWaiting()
    this.#leg = legOf(request)
    const out = this.#open(signal)
    for (const message of this.#kept.splice(0)) this.#note(message)
    if (this.#last !== null) this.#finish(this.#last)
    else this.#link.waitUntil(this.#answer(request))
    return out.body
  }

  #open(signal: AbortSignal): LineWriter<ExchangeLine> {
    const out = new LineWriter<ExchangeLine>(signal, () => this.#hangUp())
    this.#out = out
    return out
  }

  async #run(): Promise<void> {
    const { session, request, trace } = this.#terms
    const link = this.#link
    const { signal } = this.#abort
    this.#whole.start()
    await listenAside(link, this.#terms, this.#left.signal, (message) => {
      this.#take(message, 200)
      this.#askWhatIsOpen()
    })
    if (this.#isOver) return
    const sent = await send(link, {
      method: 'POST',
      headers: requestHeaders({ client: new Headers(trace.map(([name, value]) => [name, value])), session }),
      body: JSON.stringify(requestForSession(request, this.#id)),
      signal,
      // It may be silent while it waits for the client; how long otherwise is seen to here.
      isUntimed: true,
      onHold: (hold) => {
        this.#hold = hold
      },
    })
    if (!sent.ok) return this.#finish({ kind: 'problem', problem: sent.problem })
    const over = () => this.#out?.write({ kind: 'over' })
    if (await isForgotten(sent, session, this.#id, over)) return this.#finish({ kind: 'forgotten' })
    const reader = new MessageReader(sent, this.#id, (last, hold) => resume(link, session, last, hold))
    reader.allowSilence(this.isWaiting ? Number.POSITIVE_INFINITY : this.#idleMs)
    this.#reader = reader
    let problem: UpstreamProblem | null = null
    try {
      while (!this.#isOver) {
        for (const message of await reader.next()) this.#take(message, reader.status)
        this.#askWhatIsOpen()
        await this.#out?.room()
      }
    } catch (error) {
      problem = problemFrom(error)
      this.#finish({ kind: 'problem', problem })
    }
    reader.close(problem)
  }

  #allowSilence(ms: number): void {
    if (this.#reader !== null) this.#reader.allowSilence(ms)
    else this.#hold?.watchdog.heard(ms)
  }

  get #idleMs(): number {
    return this.#link.config.idleSeconds * 1_000
  }

  #take(message: RpcMessage, status: number): void {
    if (this.#isOver) return
    if (answers(message, this.#id)) {
      this.#finish({ kind: 'answer', message, status })
    } else if (isAnswer(message)) return
    else if (message.id !== undefined && message.id !== null) this.#takeQuestion(message, message.id)
    else if (message.method === 'notifications/cancelled') this.#questions.withdraw(message.params?.requestId)
    else this.#note(message)
  }

  #takeQuestion(message: RpcMessage, id: RpcId): void {
    const { capabilities, session } = this.#terms
    const question = questionForStateless(message.method ?? '', message.params)
    if (lacking(capabilities, question) !== null || this.#questions.isFull) {
      this.#link.waitUntil(decline(this.#link, session, message))
      return
    }
    this.#questions.add(id, question)
  }

  #note(message: RpcMessage): void {
    if (this.#out === null) {
      if (this.#kept.length < MOST_KEPT) this.#kept.push(message)
      return
    }
    const note = noteForStateless(message, this.#id, this.#leg)
    if (note !== null) this.#out.write({ kind: 'note', message: note })
  }

  #askWhatIsOpen(): void {
    if (this.#questions.areThere && this.#out !== null) this.#ask()
  }

  /** Answers the client's request with what the upstream wants to know, and waits. */
  #ask(): void {
    this.#rounds += 1
    if (this.#rounds > MOST_ROUNDS) {
      const message = `asked the client for input more than ${MOST_ROUNDS} times`
      this.#stop(problemOf('unanswered', message))
      return
    }
    const secret = newSecret()
    const state = requestStateOf({ object: this.#host.id, secret, begunBy: this.begunBy })
    const message = inputRequired(this.#leg.id, this.#questions.inputRequests(), state)
    const status = this.#reader?.status ?? 200
    try {
      this.#out?.write({ kind: 'answer', message, status })
    } catch {
      // Nested more deeply than can be written again, so that nobody can answer it.
      this.#stop(notRpc(status))
      return
    }
    this.#secret = secret
    this.#whole.pause()
    this.#allowSilence(Number.POSITIVE_INFINITY)
    this.#deadline = setTimeout(() => this.#giveUp(), ANSWER_MS)
    this.#host.onWaiting()
    const out = this.#out
    this.#out = null
    out?.end()
  }

  #stopWaiting(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.#deadline = null
    if (this.#isOver) return
    this.#whole.start()
    this.#allowSilence(this.#idleMs)
  }

  /** Sends on what the client answered; what it left open it is asked again. */
  async #answer({ params }: Outgoing): Promise<void> {
    const answered = this.#questions.takeAnswered(params?.inputResponses)
    if (this.#questions.areThere) this.#ask()
    const problems = await Promise.all(answered.map((it) => this.#notify({ jsonrpc: '2.0', ...it })))
    const problem = problems.find((it) => it !== null)
    if (problem !== undefined) this.#stop(problem)
  }

  #notify(message: object): Promise<UpstreamProblem | null> {
    return notify(this.#link, this.#terms.session, message, { client: null })
  }

  /** As the request that waits for it now is answered. */
  #inWords(last: Last): ExchangeLine {
    if (last.kind !== 'answer') return last
    return { ...last, message: answerForStateless(last.message, this.#leg, this.#terms.capabilities) }
  }

  /** The client did not come back in time. */
  #giveUp(): void {
    this.#deadline = null
    this.#secret = null
    if (!this.#isOver) {
      const error = {
        code: codes.internalError,
        message: `The client did not answer within ${ANSWER_MS / 60_000} minutes`,
      }
      for (const id of this.#questions.ids())
        this.#link.waitUntil(this.#notify({ jsonrpc: '2.0', id, error }))
      this.#cancelUpstream(problemOf('unanswered', error.message))
    }
    this.#host.onOver()
  }

  /** The client hung up while its call was on its way: in its era that is the cancel. */
  #hangUp(): void {
    this.#out = null
    if (this.#isOver) return
    this.#cancelUpstream(hungUp(200))
    this.#host.onOver()
  }

  #cancelUpstream(problem: UpstreamProblem): void {
    this.#isOver = true
    this.#left.abort()
    this.#whole.pause()
    this.#link.waitUntil(cancel(this.#link, this.#terms.session, this.#id))
    this.#stop(problem)
  }

  /** Makes the reading end with `problem`. Before there is a reader, the request itself is aborted. */
  #stop(problem: UpstreamProblem): void {
    if (this.#reader !== null) this.#reader.stop(problem)
    else {
      this.#hold?.watchdog.stop(problem)
      this.#abort.abort()
    }
  }

  /** The last word. It waits for the client where that is away. */
  #finish(last: Last): void {
    if (this.#isOver && this.#last === null) return
    this.#isOver = true
    this.#left.abort()
    this.#whole.pause()
    this.#questions.clear()
    if (this.#out === null) {
      this.#last = last
      return
    }
    const out = this.#out
    this.#out = null
    try {
      out.write(this.#inWords(last))
    } catch {
      // Nested more deeply than can be written again.
      out.write({ kind: 'problem', problem: notRpc(this.#reader?.status ?? 200) })
    }
    out.end()
    this.#host.onOver()
  }
}
