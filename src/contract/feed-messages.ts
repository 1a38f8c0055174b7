/** The words that a principal says over a feed. */

/** Before the id of an approval: somebody has decided. */
export const DECIDED = 'decided:'

/** Before a server's name, a colon and a resource's URI: its changes are not reported any more. */
export const LOST = 'lost:'

/** Requests of this transport belong to another login now, or to none: the streams of the last one are over. */
export const LOGIN_CHANGED = 'login_changed'

/** The news: tools may have changed; the login is another; a session with an upstream was opened; a person has decided about a call. */
export type FeedMessage =
  | 'tools_changed'
  | typeof LOGIN_CHANGED
  | `upstream:${string}`
  | `${typeof DECIDED}${string}`
  | `${typeof LOST}${string}`
