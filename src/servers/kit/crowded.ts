/** The message where a grant has all the sessions that it may have. PURE. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { CROWDED_RETRY_SECONDS } from '../../request/admission.ts'
import { failure } from './result.ts'

export function crowdedResult(max: number): CallToolResult {
  const text =
    `This grant has ${max} live sessions, which is the most it may have, so nobody was logged in. ` +
    `End some, or try again in ${CROWDED_RETRY_SECONDS} s.`
  return failure('too_many_sessions', text, { max, retry_after_seconds: CROWDED_RETRY_SECONDS })
}
