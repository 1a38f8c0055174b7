/** As the gateway names itself to MCP clients. The version is package.json's; a test compares them. */
export const identity = { name: 'gatehouse', title: 'Gatehouse', version: '0.1.0' } as const

export const instructions =
  'Every call is decided by a policy: a refusal names the rule, and where a limit was reached, when to try again. ' +
  'Call auth_login to act for an account and auth_logout when done. Clients of protocol revision 2026-07-28 pass ' +
  'the session handle that auth_login returns as the argument "session" of later calls.'
