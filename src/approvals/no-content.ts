/** Why a person who may see the values of a call sees none. PURE. */
import type { NoContent } from '../contract/approvals.ts'

const texts: Readonly<Record<NoContent, string>> = {
  decided: 'The values were erased when somebody decided.',
  over: 'The time of the approval is over, or its grant or tenant makes no calls at present: the values were erased.',
  no_keys:
    'No values are kept, for the deployment has no ENCRYPTION_KEYS to seal them with. Set that secret, and have the agent ask ' +
    'for the call again.',
  other_keys:
    'None of the deployment’s ENCRYPTION_KEYS opens the values. Put back the key that they were sealed with, or have the ' +
    'agent ask for the call again.',
  not_kept:
    'The values were not kept when the call was asked for. They are kept once its agent asks for it again.',
}

/** Returns a sentence or two for the approver. */
export function whyNoContent(absent: NoContent): string {
  return texts[absent]
}
