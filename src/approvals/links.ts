/** Finds out which clients can be sent to a link. PURE. */
import { isObject } from '../base/json.ts'

/** The first revision that knows elicitation by URL. */
const URL_ELICITATION_SINCE = '2025-11-25'

/** Tells whether a client that says this of itself takes elicitations by URL (`elicitation: {}` alone means forms only). */
export function takesLinks(capabilities: unknown): boolean {
  const elicitation = isObject(capabilities) ? capabilities.elicitation : null
  return isObject(elicitation) && isObject(elicitation.url)
}

/**
 * The same of a session's client.
 *
 * @param client what it said of itself with `initialize`, as JSON; null where that is not known
 */
export function sessionTakesLinks(client: string | null, protocolVersion: string | null): boolean {
  if ((protocolVersion ?? '') < URL_ELICITATION_SINCE || client === null) return false
  const said: unknown = JSON.parse(client)
  return isObject(said) && takesLinks(said.capabilities)
}
