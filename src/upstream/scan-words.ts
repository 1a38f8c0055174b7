/** Describes a failed scan to the administrator: what happened, and what to do. PURE. */
import type { UpstreamProblem } from '../contract/upstream.ts'

/** Nothing of a listing takes effect at the server, so that nothing is said of that. */
export function failedScan(server: string, problem: UpstreamProblem): string {
  const { message, detail, retryAfterSeconds } = problem
  const said = detail === undefined ? '' : ` It says: ${detail.replace(/\.$/, '')}.`
  const soon = retryAfterSeconds === null ? '' : ` (not before ${retryAfterSeconds} s)`
  return (
    `The server "${server}" ${message}, so its tools were not listed.${said} ` +
    `${toDo(problem)}, then scan it again${soon}: gatehouse server scan ${server}.`
  )
}

/** The first half of a sentence. */
function toDo({ failure, status }: UpstreamProblem): string {
  switch (failure) {
    case 'refused':
      return 'Check that it runs, and that its url leads to it'
    case 'timeout':
    case 'slow':
      return 'Check that it answers at its url, or give it more time in timeouts'
    case 'not_mcp':
    case 'wrong_id':
      return 'Check that its url is that of an MCP endpoint'
    case 'http_error':
      if (status === 508) return 'Give it a url that does not lead to a gateway'
      return status !== null && status >= 500
        ? 'See in its own log why it fails'
        : 'Check that its url is that of an MCP endpoint'
    case 'broken':
    case 'cancelled':
      return 'See in its own log why the answer broke off'
    case 'redirect':
      return 'Set its url to where it redirects, or give it the credentials whose absence it answers so'
    case 'unauthorized':
      return status === 401 ? 'Check the values of its headers' : 'See why it refuses the gateway'
    case 'too_large':
      return 'Raise its limits.response_bytes, or have it list less'
    case 'misconfigured':
      return 'See the log of the gateway, write its headers anew if they cannot be opened'
    case 'rate_limited':
    case 'busy':
    case 'resting':
      return 'Wait'
    case 'unanswered':
    case 'undeclared':
      return 'See what it asks for'
  }
}
