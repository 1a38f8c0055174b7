/** The bare name under which a policy may speak of an upstream server's tool. */
import { split } from '../names/tools.ts'
import { isNativeName } from '../servers/kit/tool-names.ts'

/**
 * A tool's own name, as policies may call it without its server's; undefined where that name means another tool: a
 * native one, or one of a server that it names. Else a server could call its tool what a policy allows of others.
 */
export function aliasOf(tool: string): string | undefined {
  return isNativeName(tool) || split(tool) !== null ? undefined : tool
}
