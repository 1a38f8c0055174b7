/** From a call that the principal did not admit to a tool's result. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Admission } from '../request/admission.ts'
import { crowdedResult } from '../servers/kit/crowded.ts'
import { approvalsFullResult } from './approval-answer.ts'
import { deadHandleResult, limitedHeaders, limitedResult, outboxFullResult } from './results.ts'

/** An answer to a call that the principal did not admit, as a tool's result. */
export interface RefusedAnswer {
  readonly result: CallToolResult
  readonly headers: Readonly<Record<string, string>>
  /** The principal has something to send. */
  readonly drain: boolean
}

/** The result of a call that was not admitted; null where the answer is another than a result, or where it was admitted. */
export function refusedAnswer(admission: Admission): RefusedAnswer | null {
  const say = (result: CallToolResult): RefusedAnswer => ({ result, headers: {}, drain: false })
  switch (admission.kind) {
    case 'limited':
      return { ...say(limitedResult(admission.limited)), headers: limitedHeaders(admission.limited) }
    case 'dead_handle':
      return say(deadHandleResult())
    case 'outbox_full':
      return { ...say(outboxFullResult()), drain: true }
    case 'approvals_full':
      return say(approvalsFullResult(admission.max))
    case 'too_many_sessions':
      return say(crowdedResult(admission.max))
    default:
      return null
  }
}
