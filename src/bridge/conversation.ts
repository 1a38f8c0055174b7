/** One request of a client to one upstream server: the era in which the server is asked, and the client's answer. */
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Admitted, UpstreamSession } from '../contract/principal.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import type { Client } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import type { CancellableRequest } from './running.ts'

/** The era in which an upstream is spoken to, and the session there. */
export type Partner =
  | { readonly era: 'session'; readonly session: UpstreamSession }
  | { readonly era: 'stateless' }

/** One request of a client to one upstream. */
export interface Conversation {
  readonly context: RequestContext
  readonly client: Client
  readonly link: UpstreamLink
  /** The upstream session that the principal knows of, or null. */
  readonly known: UpstreamSession | null
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined
  /** The request as its client can cancel it. Absent in the stateless era, where the client hangs up. */
  readonly running?: CancellableRequest
}

/** A request that has been admitted, and the server that it is for. */
export interface Reached {
  readonly context: RequestContext
  readonly config: CompiledConfig
  readonly upstream: UpstreamConfig
  readonly link: UpstreamLink
  readonly admitted: Admitted
  readonly client: Client
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

export function conversationAt({ context, client, link, admitted, signal }: Reached): Conversation {
  return { context, client, link, known: admitted.upstream, signal }
}
