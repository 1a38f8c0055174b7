/** Messages to an upstream server that are not answered: notifications, answers, cancellations. */
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { verdictOn } from './forgotten.ts'
import { discard, rejection, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import { inOwnWords } from './own-words.ts'
import { refusalText } from './refusal.ts'
import { requestHeaders } from './request-headers.ts'

/** Notifications about a request that is open, or about the session itself. */
export const along: ReadonlySet<unknown> = new Set([
  'notifications/initialized',
  'notifications/progress',
  'notifications/cancelled',
])

/**
 * Sends a message that is not answered. Answers, and what is said of a request that is open, go beside the cap and the breaker.
 * @param onForgotten called where the server says that it does not know the session
 */
export async function notify(
  link: UpstreamLink,
  session: Asking,
  message: object,
  {
    client,
    onForgotten = () => {},
  }: {
    readonly client: Headers | null
    readonly onForgotten?: (() => void) | undefined
  },
): Promise<UpstreamProblem | null> {
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client, session }),
    body: JSON.stringify(message),
    isAside: !('method' in message) || along.has(message.method),
  })
  if (!sent.ok) return sent.problem
  const { response, hold } = sent
  const refusal = rejection(response, link)
  const problem = refusal === null ? null : await inOwnWords(refusal, response, hold)
  const isDoubtful = problem !== null && session.id !== null
  if (isDoubtful && verdictOn(response.status, await refusalText(response), null) === 'forgotten')
    onForgotten()
  discard(response)
  hold.end(problem)
  return problem
}

/** Before a session is negotiated it has no revision. */
export type Asking = Omit<SessionNames, 'protocolVersion'> & { readonly protocolVersion: string | null }
