/**
 * The two ids of a request: one of ours, under which it goes to its upstream, so that those of two clients never meet in one
 * session, and its client's own, which its answer has again. PURE.
 */
import { answers, type RpcId, type RpcMessage } from '../base/rpc.ts'

/** The id of a request as its upstream knows it, and as its client does. */
export interface IdPair {
  readonly sent: RpcId
  readonly client: RpcId
}

/** A message of the upstream's, with the client's id where it is the answer. */
export function restored(message: RpcMessage, { sent, client }: IdPair): RpcMessage {
  return answers(message, sent) ? { ...message, id: client } : message
}
