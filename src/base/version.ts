/** As the gateway names itself to MCP clients. The version is package.json's; a test compares them. */
export const identity = { name: 'gatehouse', title: 'Gatehouse', version: '0.1.0' } as const

const DECIDED =
  'Every call is decided by a policy: a refusal names the rule, and where a limit was reached, when to try again.'
const LOGGED_IN =
  'Call auth_login to act for an account and auth_logout when done. Clients of protocol revision 2026-07-28 pass ' +
  'the session handle that auth_login returns as the argument "session" of later calls.'

/** @param hasLogin the client has the tools that log in and out */
export function instructions(hasLogin: boolean): string {
  return hasLogin ? `${DECIDED} ${LOGGED_IN}` : DECIDED
}
