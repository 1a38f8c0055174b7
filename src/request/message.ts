/** One message of a known era, as read-message.ts makes it of a request, or the refusal of what is none. PURE. */
import type { JSONRPCNotification, JSONRPCRequest, JSONRPCResponse } from '@modelcontextprotocol/server'
import type { Refusal, RequestId } from '../base/jsonrpc.ts'
import type { Era } from '../base/revisions.ts'

/** The headers that say something about the message. */
export interface MessageHeaders {
  readonly protocolVersion: string | null
  readonly method: string | null
  readonly name: string | null
}

/** Something to be answered. */
export interface RequestMessage {
  readonly kind: 'request'
  readonly era: Era
  readonly id: RequestId
  readonly method: string
  readonly body: JSONRPCRequest
}

export type Message =
  | RequestMessage
  | { readonly kind: 'notification'; readonly era: Era; readonly body: JSONRPCNotification }
  /** An answer to a request that reached the client on a stream; only the session era has them. */
  | { readonly kind: 'response'; readonly era: 'session'; readonly body: JSONRPCResponse }
  /** Several messages in one array; only some revisions of the session era have them. */
  | {
      readonly kind: 'batch'
      readonly era: 'session'
      readonly bodies: readonly unknown[]
      /** The same with numbers as they were written, where that makes a difference (as-written.ts). */
      readonly written?: readonly unknown[] | null
    }
  /** `isCall`: it would have been a call of a tool; `handle`: of the session that it names then, as `callHandleIn` has it. */
  | {
      readonly kind: 'refused'
      readonly era: Era
      readonly refusal: Refusal
      readonly isCall: boolean
      readonly handle: string | null
    }
