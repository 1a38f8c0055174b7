/** A call as the gateway judges it: an upstream server's tool has two names that rules may use. PURE. */
import { aliasOf, split } from '../../names/tools.ts'
import type { Call } from '../../policy/model.ts'

/** The names under which a call of `tool` is judged; `SERVER__TOOL` is also known by the tool's own name. */
export function calledAs(tool: string): Pick<Call, 'tool' | 'alias'> {
  const parts = split(tool)
  return parts === null ? { tool } : { tool, alias: aliasOf(parts.name) }
}
