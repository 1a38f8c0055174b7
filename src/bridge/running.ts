/**
 * Requests that this isolate is bringing to servers, so that their client can cancel them: by a message of its own, in the
 * session era. One that reaches another isolate finds nothing here: remote-cancellations.ts.
 */
import { isLiteral } from '../base/exact-json.ts'
import type { RpcId } from '../base/rpc.ts'
import type { SessionNames } from '../contract/upstream.ts'
import type { RequestContext } from '../request/context.ts'
import { cancelledByClient } from '../upstream/answer-problems.ts'
import { Cancellation } from '../upstream/cancellation.ts'
import { asCancelled } from '../upstream/http.ts'
import type { Delivery, Ending } from '../upstream/reception.ts'
import type { LongRequest } from '../upstream/watchdog.ts'

/** A request as its server knows it. */
export interface Named {
  readonly session: SessionNames
  readonly id: RpcId
}

/** One request at one server. */
export interface RunningRequest {
  /** The id of the client's HTTP request: one may be brought to several servers. */
  readonly requestId: string
  readonly server: string
  /** Null where the server is notified by hanging up. */
  readonly named: Named | null
  readonly cancel: () => void
}

interface Tracked extends RunningRequest {
  /** Key of `byName`. */
  readonly name: string
  readonly untilMs: number
  named: Named | null
}

/** A request whose client has gone may never say that it is over. */
const LONGEST_MS = 60 * 60_000
const MOST_TRACKED = 20_000

/** In the order in which they began. */
const running = new Set<Tracked>()
const byName = new Map<string, Tracked[]>()

/** One text for one id on one connection: names of tenants and grants have no space, and what is last may have any. */
function nameOf({ presented, transport }: RequestContext, id: RpcId): string {
  const text = isLiteral(id) ? id.rawJSON : `${id}`
  return `${presented.tenant} ${presented.grant} ${typeof id} ${text.length} ${text} ${transport ?? ''}`
}

export interface Running {
  /** Says when the client cancels the request. */
  readonly cancelled: Cancellation
  /** Says how the server knows the request from now on. */
  readonly sentAs: (named: Named) => void
  /** Must be called when the request is over. */
  readonly end: () => void
  /** Calls `listener` when the request is over, or at once where it is. */
  readonly onEnd: (listener: () => void) => void
}

/** A running request that also learns of cancellations at other isolates, once it takes long. */
export interface CancellableRequest extends Running {
  /** Has it begin with that after a while: for the watchdog of its request to the server. */
  readonly long: LongRequest | undefined
  /** The same by a timer: for work that no watchdog bounds as a whole. */
  readonly timeLong: () => void
}

/** Keeps a request of the client's, whose id there is `id`, until it is over. */
export function track(context: RequestContext, server: string, id: RpcId): Running {
  const cancelled = new Cancellation()
  const name = nameOf(context, id)
  const { promise, resolve } = Promise.withResolvers<void>()
  // By way of a promise, because what this request has open may only be touched from within it.
  void promise.then(() => cancelled.request())
  const tracked: Tracked = {
    name,
    requestId: context.requestId,
    server,
    named: null,
    cancel: resolve,
    untilMs: Date.now() + LONGEST_MS,
  }
  let isOver = false
  const listeners: (() => void)[] = []
  makeRoom()
  running.add(tracked)
  const same = byName.get(name)
  if (same === undefined) byName.set(name, [tracked])
  else same.push(tracked)
  return {
    cancelled,
    sentAs: (named) => {
      tracked.named = named
    },
    end: () => {
      isOver = true
      drop(tracked)
      for (const listener of listeners.splice(0)) listener()
    },
    onEnd: (listener) => {
      if (isOver) listener()
      else listeners.push(listener)
    },
  }
}

function drop(tracked: Tracked): void {
  if (!running.delete(tracked)) return
  const { name } = tracked
  const others = (byName.get(name) ?? []).filter((other) => other !== tracked)
  if (others.length === 0) byName.delete(name)
  else byName.set(name, others)
}

/** Forgets the oldest, where there are too many or their time is over. */
function makeRoom(): void {
  const nowMs = Date.now()
  for (const tracked of running) {
    if (running.size < MOST_TRACKED && tracked.untilMs > nowMs) return
    drop(tracked)
  }
}

/**
 * Returns the client's request with this id, at each server that it was brought to. None where two requests that are under way have the
 * same id: the notification does not say which of them it means, and the wrong one must not be stopped.
 */
export function runningAs(context: RequestContext, id: RpcId): readonly RunningRequest[] {
  const found = byName.get(nameOf(context, id)) ?? []
  return found.every(({ requestId }) => requestId === found[0]?.requestId) ? found : []
}

/** The delivery of a request that its client may cancel. However its server then stops, it was cancelled. */
export function cancellable(delivery: Delivery, { cancelled, end }: Running): Delivery {
  return {
    ...delivery,
    onEnd: (ending) => {
      end()
      delivery.onEnd(cancelled.isRequested ? withdrawn(ending) : ending)
    },
  }
}

function withdrawn(ending: Ending): Ending {
  switch (ending.kind) {
    case 'failed':
      return { kind: 'failed', problem: asCancelled(ending.problem) ?? ending.problem }
    case 'paused':
      return { kind: 'failed', problem: cancelledByClient(ending.status) }
    case 'answered':
      // It was faster: then it is done.
      return ending.message === 'cut' || ending.message.error === undefined
        ? ending
        : { kind: 'failed', problem: cancelledByClient(ending.status) }
  }
}
