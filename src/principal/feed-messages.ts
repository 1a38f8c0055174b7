/** The words that a principal says over a feed. */

/** Before the id of an approval: somebody has decided. */
export const DECIDED = 'decided:'

/** That tools may have changed; that a session with an upstream was opened; that a person has decided about a call. */
export type FeedMessage = 'tools_changed' | `upstream:${string}` | `${typeof DECIDED}${string}`
