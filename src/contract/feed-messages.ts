/** The words that a principal says over a feed. */

/** Before the id of an approval: somebody has decided. */
export const DECIDED = 'decided:'

/** Before a server's name, a colon and a resource's URI: its changes are not reported any more. */
export const LOST = 'lost:'

/** That requests of this transport belong to another login now, or to none: what was opened in the last one is over. */
export const LOGIN_CHANGED = 'login_changed'

/** That tools may have changed; that the login is another; that a session with an upstream was opened; that a person has decided about a call. */
export type FeedMessage =
  | 'tools_changed'
  | typeof LOGIN_CHANGED
  | `upstream:${string}`
  | `${typeof DECIDED}${string}`
  | `${typeof LOST}${string}`
