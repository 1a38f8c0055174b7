/** Sessions that their servers have forgotten, for requests of the stateless era. */
import type { UpstreamProblem } from '../contract/upstream.ts'
import { problemOf } from '../upstream/problem.ts'
import { abortWith } from '../upstream/steps.ts'
import type { Conversation, Partner } from './conversation.ts'
import { openFor } from './partner.ts'

type SessionPartner = Extract<Partner, { era: 'session' }>

/** In the stateless era to hang up is to cancel. */
export function abortOf({ context, signal }: Conversation): AbortController {
  return abortWith(signal ?? context.http.signal)
}

/** Opens another session for one that its server has forgotten. */
export async function renew(
  conversation: Conversation,
  forgotten: string | null,
): Promise<
  | { readonly ok: true; readonly partner: SessionPartner }
  | { readonly ok: false; readonly problem: UpstreamProblem }
> {
  const renewed = await openFor(conversation, forgotten)
  if (renewed !== 'other_era' && !renewed.ok) return renewed
  if (renewed !== 'other_era' && renewed.partner.era === 'session')
    return { ok: true, partner: renewed.partner }
  const message = 'has changed the era that it speaks'
  return { ok: false, problem: problemOf('not_mcp', message, { isUndone: true, retryAfterSeconds: 1 }) }
}
