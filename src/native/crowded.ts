/** What is said where a grant has all the sessions that it may have. PURE. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { failure } from './result.ts'

/** How long a client waits before it is worth while to ask again whether a session has ended. */
export const CROWDED_RETRY_SECONDS = 60

export function crowdedResult(max: number): CallToolResult {
  const text =
    `This grant has ${max} live sessions, which is the most it may have, so nobody was logged in. ` +
    `End some, or try again in ${CROWDED_RETRY_SECONDS} s.`
  return failure('too_many_sessions', text, { max, retry_after_seconds: CROWDED_RETRY_SECONDS })
}
