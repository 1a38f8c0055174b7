/** The message of MCP in a body that is labelled anyhow, as the bodies of refusals are. PURE. */
import { isAnswer, parseRpc, type RpcMessage } from '../base/rpc.ts'
import { EventParser } from './sse.ts'

/** The message, in JSON or as the first answer of an event stream; null where there is none. */
export function messageIn(text: string): RpcMessage | null {
  const message = parseRpc(text)
  if (message !== null) return message
  if (!/^data:/m.test(text)) return null
  for (const { data } of new EventParser(text.length + 2).push(`${text}\n\n`)) {
    const said = data === null ? null : parseRpc(data)
    if (said !== null && isAnswer(said)) return said
  }
  return null
}
