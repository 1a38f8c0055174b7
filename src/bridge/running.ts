/**
 * Requests that this isolate is bringing to a server of the stateless era, so that their client can cancel them. In its
 * era that is a message of its own, which may reach another isolate: then the request goes on and is answered.
 */
import type { Conversation } from '../forward/partner.ts'
import type { Passage } from '../gateway/admission.ts'
import type { RpcId } from '../upstream/rpc.ts'

const running = new Map<string, () => void>()

function keyOf({ claim, transport }: Passage, server: string, id: RpcId): string {
  return JSON.stringify([claim.tenant, claim.grant, transport, server, id])
}

export interface Running {
  readonly abort: AbortController
  /** Must be called when the request is over. */
  readonly end: () => void
}

/** Aborts when the client cancels the request, or nobody waits for its answer any more. */
export function untilCancelled({ passage, link, signal }: Conversation, id: RpcId): Running {
  const abort = new AbortController()
  const key = keyOf(passage, link.config.name, id)
  const cancelled = new Promise<void>((resolve) => {
    running.set(key, resolve)
  })
  // By way of a promise, because what this request has open may only be touched from within it.
  void cancelled.then(() => abort.abort())
  signal?.addEventListener('abort', () => abort.abort())
  return { abort, end: () => running.delete(key) }
}

/** The client cancels. Returns whether the request was found. */
export function cancelRunning(passage: Passage, server: string, id: RpcId): boolean {
  const key = keyOf(passage, server, id)
  const cancel = running.get(key)
  running.delete(key)
  cancel?.()
  return cancel !== undefined
}
