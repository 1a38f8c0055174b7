/**
 * Requests that this isolate is bringing to servers, so that their client can cancel them: by a message of its own, in the
 * session era. One that reaches another isolate finds nothing here: elsewhere.ts.
 */
import type { Passage } from '../gateway/passage.ts'
import type { SessionNames } from '../upstream/notify.ts'
import type { RpcId } from '../upstream/rpc.ts'

/** A request as its server knows it. */
export interface Named {
  readonly session: SessionNames
  readonly id: RpcId
}

/** One request at one server. */
export interface RunningRequest {
  /** Of the client's HTTP request: one may be brought to several servers. */
  readonly requestId: string
  readonly server: string
  /** Null where the server is told by hanging up. */
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
const running = new Map<symbol, Tracked>()
const byName = new Map<string, Set<symbol>>()

function nameOf({ claim, transport }: Passage, id: RpcId): string {
  return JSON.stringify([claim.tenant, claim.grant, transport, id])
}

export interface Running {
  /** Aborts when the client cancels the request. */
  readonly cancelled: AbortSignal
  /** Says how the server knows the request from now on. */
  readonly sentAs: (named: Named) => void
  /** Must be called when the request is over. */
  readonly end: () => void
}

/** Keeps a request of the client's, whose id there is `id`, until it is over. */
export function track(passage: Passage, server: string, id: RpcId): Running {
  const abort = new AbortController()
  const key = Symbol()
  const name = nameOf(passage, id)
  const { promise, resolve } = Promise.withResolvers<void>()
  // By way of a promise, because what this request has open may only be touched from within it.
  void promise.then(() => abort.abort())
  const tracked: Tracked = {
    name,
    requestId: passage.requestId,
    server,
    named: null,
    cancel: resolve,
    untilMs: Date.now() + LONGEST_MS,
  }
  makeRoom()
  running.set(key, tracked)
  const same = byName.get(name)
  if (same === undefined) byName.set(name, new Set([key]))
  else same.add(key)
  return {
    cancelled: abort.signal,
    sentAs: (named) => {
      tracked.named = named
    },
    end: () => drop(name, key),
  }
}

function drop(name: string, key: symbol): void {
  running.delete(key)
  const same = byName.get(name)
  same?.delete(key)
  if (same?.size === 0) byName.delete(name)
}

/** Forgets the oldest, where there are too many or their time is over. */
function makeRoom(): void {
  const nowMs = Date.now()
  for (const [key, { name, untilMs }] of running) {
    if (running.size < MOST_TRACKED && untilMs > nowMs) return
    drop(name, key)
  }
}

/**
 * The request of the client's that has this id, at each server that it was brought to. None where two requests that are
 * under way have the same id: which of them is meant cannot be told, and the wrong one must not be stopped.
 */
export function runningAs(passage: Passage, id: RpcId): readonly RunningRequest[] {
  const found = [...(byName.get(nameOf(passage, id)) ?? [])].flatMap((key) => running.get(key) ?? [])
  return found.every(({ requestId }) => requestId === found[0]?.requestId) ? found : []
}
