/** Why an upstream gave no usable answer, and what an agent is told of it. PURE. */
import type { CallOutcomeKind } from '../contract/principal.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'

export type UpstreamErrorCode =
  | 'upstream_unavailable'
  | 'upstream_timeout'
  | 'upstream_broken'
  | 'upstream_too_large'
  | 'upstream_refused'
  | 'upstream_rate_limited'
  | 'upstream_busy'
  | 'input_missing'

export function problemOf(
  failure: UpstreamProblem['failure'],
  message: string,
  more: Partial<Pick<UpstreamProblem, 'isUndone' | 'status' | 'retryAfterSeconds'>> = {},
): UpstreamProblem {
  return { failure, message, isUndone: false, status: null, retryAfterSeconds: null, ...more }
}

/** Stable name of the problem, for programs. */
export function codeOf({ failure }: UpstreamProblem): UpstreamErrorCode {
  switch (failure) {
    case 'refused':
    case 'resting':
    case 'misconfigured':
    case 'http_error':
      return 'upstream_unavailable'
    case 'timeout':
    case 'slow':
      return 'upstream_timeout'
    case 'broken':
    case 'cancelled':
    case 'not_mcp':
    case 'wrong_id':
      return 'upstream_broken'
    case 'too_large':
      return 'upstream_too_large'
    case 'redirect':
    case 'unauthorized':
    case 'undeclared':
      return 'upstream_refused'
    case 'rate_limited':
      return 'upstream_rate_limited'
    case 'busy':
      return 'upstream_busy'
    case 'unanswered':
      return 'input_missing'
  }
}

/** The problem as the end of a call in its audit row. */
export function outcomeOf(problem: UpstreamProblem): CallOutcomeKind {
  if (problem.failure === 'cancelled') return 'cancelled'
  if (problem.failure === 'timeout' || problem.failure === 'slow') return 'timeout'
  if (problem.failure === 'unanswered') return 'refused'
  if (problem.isUndone) return 'not_delivered'
  return problem.status !== null && problem.status >= 300 && problem.status < 500 ? 'refused' : 'broken'
}

/** Describes a problem, with the server's own words where there are any. */
export function forAdministrators({ message, detail }: UpstreamProblem): string {
  return detail === undefined ? message : `${message}; it says: ${detail}`
}

/** Describes a problem for the agent. */
export function describe(server: string, problem: UpstreamProblem, what = 'The call'): string {
  const { isUndone, retryAfterSeconds } = problem
  const retry = retryAfterSeconds === null ? '' : ` Try again in ${retryAfterSeconds} seconds.`
  const done = isUndone
    ? `${what} was not carried out.`
    : `It is not known whether ${what.toLowerCase()} took effect.`
  return `The server "${server}" ${problem.message}. ${done}${retry}`
}

/**
 * Tells whether what the call was charged is given back: it never came to the server, or was refused for the gateway's
 * own sake (401, 403). A server's 429, 404 or redirect keeps the charge, or an agent in a loop would never be limited.
 */
export function isRefunded({ isUndone, failure }: UpstreamProblem): boolean {
  return (
    isUndone &&
    failure !== 'redirect' &&
    failure !== 'rate_limited' &&
    failure !== 'http_error' &&
    failure !== 'unanswered'
  )
}
