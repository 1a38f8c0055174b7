/** What a server says of itself, for a client of the other era. */
import type { Conversation, Partner } from '../forward/partner.ts'
import { problemOf, type UpstreamProblem } from '../upstream/problem.ts'

export type Introduction =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: UpstreamProblem }

/** The answer to `initialize`, for a server of the stateless era. */
export async function introduceInSession(
  _talk: Conversation,
  _protocolVersion: string,
): Promise<Introduction> {
  return { ok: false, problem: problemOf('not_mcp', 'speaks another era of MCP', { isUndone: true }) }
}

/** The answer to `server/discover`, for a server of the session era. */
export async function introduceStateless(
  _talk: Conversation,
  _partner: Extract<Partner, { era: 'session' }>,
): Promise<Introduction> {
  return { ok: false, problem: problemOf('not_mcp', 'speaks another era of MCP', { isUndone: true }) }
}
