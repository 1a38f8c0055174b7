/** The argument by which a call names its session. PURE. */

/** An argument of every native tool, and none of the tool's own. */
export const SESSION_ARGUMENT = 'session'

/** The description of the argument where a grant demands that every call names its session. */
export const MANY_SESSIONS_TEXT =
  'Session handle, as returned by auth_login: names the session that this call belongs to. Several sessions are live at the ' +
  'same time, so a call without it belongs to none and acts for no account; auth_login without it begins another session.'
