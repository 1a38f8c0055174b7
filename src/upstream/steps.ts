/** The steps on the way to an answer, and the HTTP response that they make. */
import type { RpcMessage } from '../base/rpc.ts'
import type { Step } from '../contract/exchange.ts'
import { abandonment, endedEarly, hungUp, notRpc, problemFrom } from './answer-problems.ts'
import { type Delivery, type Ending, eventHeaders, eventOf } from './reception.ts'

/** A client that has heard nothing for so long gets the beginning of a stream, so that nothing between us gives up. */
const PATIENCE_MS = 5_000
const KEEP_ALIVE_MS = 15_000

/** A maker of steps, and the way to let it know that nobody waits any more. */
export interface Steps {
  readonly next: () => Promise<Step | null>
  readonly gone: () => void
}

/** Aborts with whichever of the signals aborts first, for the same reason: that its server was slow is no hanging up. */
export function abortWith(...signals: readonly (AbortSignal | undefined)[]): AbortController {
  const abort = new AbortController()
  for (const signal of signals) {
    if (signal?.aborted === true) abort.abort(signal.reason)
    else signal?.addEventListener('abort', () => abort.abort(signal.reason))
  }
  return abort
}

/** Steps of a generator, which is left, clearing up, once `abort` has been called: wherever it stands. */
export function stepsOf(generator: AsyncGenerator<Step>, abort: AbortController): Steps {
  const leave = () => void generator.return(undefined).catch(() => {})
  abort.signal.addEventListener('abort', leave)
  return {
    next: async () => {
      const { done, value } = await generator.next()
      if (done === true)
        return abort.signal.aborted ? { kind: 'problem', problem: abandonment(abort.signal) } : null
      // Nobody asks for more, so it would else keep its place at the server.
      if (value.kind !== 'note') leave()
      return value
    },
    gone: () => abort.abort(),
  }
}

/**
 * Answers with JSON where the answer is the first step, else with a stream of all.
 * @param signal of the client's request: a stream whose client has gone is not always cancelled
 */
export async function respond(steps: Steps, delivery: Delivery, signal: AbortSignal): Promise<Response> {
  const ending = once(delivery)
  let pending = nextOf(steps)
  for (;;) {
    const first = delivery.acceptsEvents() ? await orTimeout(pending) : await pending
    if (first === 'timeout' || (first.kind === 'note' && delivery.acceptsEvents()))
      return stream(steps, first === 'timeout' ? pending : Promise.resolve(first), {
        delivery,
        ending,
        signal,
      })
    if (first.kind !== 'note') return json(written(first, delivery), delivery, ending)
    pending = nextOf(steps)
  }
}

type Last = Exclude<Step, { kind: 'note' }>
type Problem = Extract<Step, { kind: 'problem' }>

/** Never throws, for the answer would otherwise never come. */
async function nextOf(steps: Steps): Promise<Step> {
  try {
    return (await steps.next()) ?? { kind: 'problem', problem: endedEarly(200) }
  } catch (error) {
    return { kind: 'problem', problem: problemFrom(error) }
  }
}

async function orTimeout(pending: Promise<Step>): Promise<Step | 'timeout'> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), PATIENCE_MS)
  })
  try {
    return await Promise.race([pending, late])
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}

function once({ onEnd }: Delivery): (ending: Ending) => void {
  let isOver = false
  return (ending) => {
    if (isOver) return
    isOver = true
    onEnd(ending)
  }
}

function endingOf(step: Last): Ending {
  return step.kind === 'problem'
    ? { kind: 'failed', problem: step.problem }
    : { kind: 'answered', message: step.message, status: step.status }
}

function messageOf(step: Step, { failure, rewriting }: Delivery): RpcMessage | null {
  if (step.kind === 'problem') return failure(step.problem)
  return rewriting === null ? step.message : rewriting.message(step.message)
}

/** A step with its message as JSON; `text` is null where the client gets nothing. */
interface Written<S extends Step = Step> {
  readonly step: S
  readonly text: string | null
}

/**
 * Writes a step for the client, before its outcome is reported: a message that nests more deeply than can be written again becomes a
 * problem.
 */
function written<S extends Step>(step: S, delivery: Delivery): Written<S | Problem> {
  try {
    const message = messageOf(step, delivery)
    return { step, text: message === null ? null : JSON.stringify(message) }
  } catch {
    const problem: Problem = { kind: 'problem', problem: notRpc(200) }
    return { step: problem, text: JSON.stringify(delivery.failure(problem.problem)) }
  }
}

/** HTTP 200, whatever the answer says: a method that is not implemented was refused before the server was asked. */
function json({ step, text }: Written<Last>, delivery: Delivery, ending: (ending: Ending) => void): Response {
  ending(endingOf(step))
  const headers = { 'content-type': 'application/json', ...delivery.headers }
  return new Response(text ?? 'null', { headers })
}

function stream(
  steps: Steps,
  first: Promise<Step>,
  {
    delivery,
    ending,
    signal,
  }: {
    readonly delivery: Delivery
    readonly ending: (ending: Ending) => void
    readonly signal: AbortSignal
  },
): Response {
  const encoder = new TextEncoder()
  let pending: Promise<Step> | null = first
  let keepAlive: ReturnType<typeof setInterval> | null = null
  let isOver = false
  const stop = () => {
    isOver = true
    clearInterval(keepAlive)
    signal.removeEventListener('abort', leave)
  }
  const leave = () => {
    if (isOver) return
    stop()
    steps.gone()
    ending({ kind: 'failed', problem: hungUp(200) })
  }
  signal.addEventListener('abort', leave)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      keepAlive = setInterval(() => {
        // A client that does not read needs no reminder.
        if (!isOver && (controller.desiredSize ?? 0) > 0)
          controller.enqueue(encoder.encode(': keep-alive\n\n'))
      }, KEEP_ALIVE_MS)
    },
    async pull(controller) {
      // Until something was said: a pull that brings nothing is not repeated.
      for (let isSaid = false; !isSaid; ) {
        const came = await (pending ?? nextOf(steps))
        pending = null
        if (isOver) return
        const { step, text } = written(came, delivery)
        if (text !== null) controller.enqueue(encoder.encode(eventOf(text)))
        isSaid = text !== null
        if (step.kind === 'note') continue
        stop()
        // Messages behind a note that cannot be written are not waited for.
        if (came.kind === 'note') steps.gone()
        ending(endingOf(step))
        controller.close()
        return
      }
    },
    cancel: leave,
  })
  return new Response(body, { headers: { ...eventHeaders, ...delivery.headers } })
}
