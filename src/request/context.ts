/** The context of one MCP request: the parts that later steps need, and the way to the principal's object. */
import type { Era } from '../base/revisions.ts'
import type { ClientName } from '../contract/client.ts'
import type { Env } from '../contract/env.ts'
import type { Lost } from './as-written.ts'
import type { PresentedCredential } from './identity.ts'
import type { Caller } from './known.ts'

/** One request, with all that later steps need to know of it. A step that learns more passes on a copy. */
export interface RequestContext {
  readonly http: Request
  readonly env: Env
  readonly execution: ExecutionContext
  readonly presented: PresentedCredential
  readonly requestId: string
  /** The era of the message; that of the headers for a request without one, and until it has been read. */
  readonly era: Era
  /** `Mcp-Session-Id`, in the session era. */
  readonly transport: string | null
  /** The session that the request names, or null: it names none. */
  readonly handle: string | null
  /** The login in which the principal has admitted the request; null before that, and where it is nobody's. */
  readonly login: string | null
  /** The account and label that the principal has admitted the request for, as far as policies ask; null before that. */
  readonly caller: Caller | null
  /** The client that the message names; null in the session era, where its connection does. */
  readonly client: ClientName | null
  /** Numbers in the message that cannot be passed on as they are. */
  readonly lost: Lost
}
