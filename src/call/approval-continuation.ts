/**
 * Ties the answers to a server's questions to the call that was asked (MCP 2026-07-28, multi round-trip requests) by the
 * `requestState` that the server gave, as SHA-256. Without one, nothing but the call itself tells them apart.
 */
import { grantOfApproval } from '../approvals/id.ts'
import { isObject } from '../base/json.ts'
import { sha256Hex } from '../base/sha256.ts'
import type { RequestMessage } from '../request/message.ts'

/** Stands for a server that gives no state: any call that brings answers goes on. No digest looks like it. */
const STATELESS = 'answers'

/** A call's answers to its server's questions. */
export interface Answers {
  readonly inputResponses?: unknown
  readonly requestState?: unknown
}

/** Returns the call's answers to a server's questions, or null; an answer to the gateway's own question is none. */
export function answersIn({ era, body }: RequestMessage): Answers | null {
  const { inputResponses, requestState } = body.params ?? {}
  if (era !== 'stateless' || isOwnState(requestState)) return null
  return inputResponses === undefined && requestState === undefined ? null : { inputResponses, requestState }
}

/** Tells whether `requestState` is the gateway's own: then neither it nor the answers beside it are for a server. */
export function isOwnState(requestState: unknown): boolean {
  return typeof requestState === 'string' && grantOfApproval(requestState) !== null
}

/** Returns the digest of the state with which a result `input_required` can be answered; null where no call can answer it. */
export async function continuationAsked(result: Readonly<Record<string, unknown>>): Promise<string | null> {
  const { inputRequests, requestState } = result
  return named(requestState, isObject(inputRequests) && Object.keys(inputRequests).length > 0)
}

/** Returns the digest of the state that a call answers; null for a call that begins. */
export async function continuationOf({ inputResponses, requestState }: Answers): Promise<string | null> {
  return named(requestState, isObject(inputResponses))
}

async function named(state: unknown, isAnswered: boolean): Promise<string | null> {
  if (state === undefined || state === null) return isAnswered ? STATELESS : null
  if (typeof state !== 'string') return null
  return sha256Hex(state)
}
