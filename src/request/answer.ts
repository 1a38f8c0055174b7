/** From an admission to an HTTP answer. */
import { codes, type Refusal, type RequestId, refusalResponse } from '../base/jsonrpc.ts'
import type { Admitted, Intent } from '../contract/principal.ts'
import { refusalRules } from '../contract/refusal-rules.ts'
import { type Admission, ask, refusalOf } from './admission.ts'
import type { RequestContext } from './context.ts'
import { concludeRefused } from './decided.ts'
import { unauthorized } from './identity.ts'
import { unknownCall } from './unknown-call.ts'

/** Turns the principal's refusal into HTTP, or else makes the answer by `whenAdmitted`. */
export async function answer(
  admission: Admission,
  id: RequestId | null,
  whenAdmitted: (admitted: Admitted) => Response | Promise<Response>,
): Promise<Response> {
  if (admission.kind === 'admitted') return whenAdmitted(admission.admitted)
  const refusal = refusalOf(admission)
  return refusal === 'unauthorized' ? unauthorized(true) : refusalResponse(refusal, id)
}

/** A message that is refused, as far as it could be read. */
interface Refused {
  readonly id?: RequestId | null
  /** The reason that its audit row gives, where it is a call. */
  readonly rule?: string | null
}

/** Refuses a request for what it says, but only to someone who may know: first 401, then 404, then this. */
export async function refuse(
  context: RequestContext,
  refusal: Refusal,
  { id = null, rule = null }: Refused = {},
): Promise<Response> {
  const intent: Intent =
    rule === null
      ? { kind: 'check' }
      : { kind: 'refuse', call: unknownCall, decision: 'refuse', rule, shadow: [], assumed: null }
  const admission = await ask(context, intent)
  // The request is wrong in any session; its row belongs to none.
  if (admission.kind === 'dead_handle' && rule !== null) return refusalResponse(refusal, id)
  // Where it is a call the question said so, and was answered with that decision.
  if (admission.kind === 'admitted' && rule === null) concludeRefused(context, refusalRules.request)
  return answer(admission, id, () => refusalResponse(refusal, id))
}

/** The response with these headers, too. */
export function withHeaders(response: Response, more: Readonly<Record<string, string>>): Response {
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(more)) headers.set(name, value)
  return new Response(response.body, { status: response.status, headers })
}

export function missingSession(): Refusal {
  return {
    status: 400,
    code: codes.transport,
    message: 'The header Mcp-Session-Id is required: initialize first',
  }
}
