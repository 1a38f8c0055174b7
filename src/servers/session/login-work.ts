/** The principal's work after a proof, and the answers that follow. PURE. */
import type { AdmitAnswer, Admitted, LoginEvidence, Work } from '../../contract/principal.ts'
import { findCardNumber } from '../../legiti/tools/card.ts'
import { failure } from '../kit/result.ts'
import type { Completion, Preparation } from '../kit/tool.ts'
import type { Complete, Proof } from './providers/provider.ts'

export const LOGGED_OUT = 'Its issuer has logged this account out since the token was issued; get a new one.'

/** A login whose proof is there before the call is decided. */
export function proven(
  proof: Proof,
  provider: string,
  evidence: LoginEvidence | null,
  complete: Complete,
): Preparation {
  if (isCardNumber(proof.account)) return cardRefusal
  if (!proof.ok) {
    const work: Work = { kind: 'login_failed', account: proof.account }
    return { kind: 'work', work, complete: () => failed(proof.message) }
  }
  return {
    kind: 'work',
    work: loginWork(provider, proof.account, evidence),
    complete: (admitted) => completed(admitted, complete),
  }
}

/** A login of a proven account. */
export function loginWork(provider: string, account: string, evidence: LoginEvidence | null): Work {
  return { kind: 'login', provider, account, ...(evidence === null ? {} : { evidence }) }
}

/** The answer once the principal has done its part. */
export function completed(admitted: Admitted, complete: Complete): Completion {
  return admitted.outcome.kind === 'login_refused' ? failed(LOGGED_OUT) : complete(admitted)
}

/** Tells whether the principal has something to send. */
export function drains(answer: AdmitAnswer | { readonly kind: 'unavailable' }): boolean {
  return answer.kind === 'admitted' && answer.admitted.drain
}

export function failed(message: string): Completion {
  return { result: failure('login_failed', `Login failed. ${message}`) }
}

/** Why a login whose account was proven did not take place. */
export function notTaken(
  kind: Exclude<AdmitAnswer['kind'], 'admitted' | 'too_many_sessions'> | 'unavailable' | 'card_number',
): string {
  switch (kind) {
    case 'card_number':
      return 'The account looks like a full card number.'
    case 'dead_session':
    case 'dead_handle':
      return 'The session has ended meanwhile; begin again.'
    case 'unauthorized':
      return 'The token of this client is not valid any more.'
    default:
      return 'The login could not be written down; try again later.'
  }
}

/** The account goes to Legiti, and a card's number may not. */
export function isCardNumber(account: string | null): boolean {
  return findCardNumber(account) !== null
}

export const cardRefusal: Preparation = {
  kind: 'refuse',
  code: 'card_number',
  message: 'Refused: the account looks like a full card number.',
}
