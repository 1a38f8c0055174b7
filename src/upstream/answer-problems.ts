/** The problems that an upstream's answer can have. PURE. */
import { errorName } from '../base/log.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { problemOf } from './problem.ts'
import { EventTooLargeError } from './sse.ts'

/** Ends the reading of a body. */
export class BodyProblem extends Error {
  readonly problem: UpstreamProblem

  constructor(problem: UpstreamProblem) {
    super(problem.message)
    this.name = 'BodyProblem'
    this.problem = problem
  }
}

export function problemFrom(error: unknown): UpstreamProblem {
  if (error instanceof BodyProblem) return error.problem
  if (error instanceof EventTooLargeError)
    return problemOf('too_large', `sent an event of more than ${error.limit} characters`)
  return problemOf('broken', 'answered something unreadable')
}

export function notRpc(status: number): UpstreamProblem {
  return problemOf('not_mcp', 'answered something that is not a JSON-RPC message', { status })
}

export function wrongId(status: number): UpstreamProblem {
  return problemOf('wrong_id', 'answered another request than the one it was sent', { status })
}

export function endedEarly(status: number): UpstreamProblem {
  return problemOf('broken', 'ended its event stream without an answer', { status })
}

export function brokeOff(status: number): UpstreamProblem {
  return problemOf('broken', 'broke the connection in the middle of its answer', { status })
}

export function tooLarge(mostBytes: number, status: number): UpstreamProblem {
  return problemOf('too_large', `answered more than ${mostBytes} bytes`, { status })
}

export function hungUp(status: number): UpstreamProblem {
  return problemOf('cancelled', 'was not waited for: the client hung up', { status })
}

/** Why a request was given up whose signal has aborted: that a server is slow is its own fault, that nobody waits is not. */
export function abandonment(signal: AbortSignal | undefined): UpstreamProblem {
  const reason: unknown = signal?.reason
  return errorName(reason) === 'TimeoutError'
    ? problemOf('slow', 'did not answer within the time that it had beside other servers')
    : problemOf('cancelled', 'was not waited for: the client hung up')
}

/** The client has cancelled the request; whatever the server then does is its right (MCP 2025-11-25, cancellation). */
export function cancelledByClient(status: number | null): UpstreamProblem {
  return problemOf('cancelled', 'was not waited for: the client cancelled', { status })
}

/** The server waited for the client all the time that a call may take: it is well. */
export function unansweredInTime(status: number): UpstreamProblem {
  return problemOf(
    'unanswered',
    'asked the client for input, which did not come in the time that a call may take',
    { status },
  )
}

/** It is not the server's fault alone: others take room, too. */
export function noRoom(status: number): UpstreamProblem {
  const message = 'answered more than there is room for beside what else is held'
  return problemOf('too_large', message, { status, retryAfterSeconds: 1 })
}
