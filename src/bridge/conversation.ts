/** One request of a client to one upstream server: how that is spoken to, and how the client is told. */
import type { UpstreamSession } from '../contract/principal.ts'
import type { Client } from '../forward/client.ts'
import type { HeedingRequest } from '../forward/running.ts'
import type { Passage } from '../gateway/passage.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import type { Reception } from '../upstream/reception.ts'

/** What the client is told, and who hears how it went. */
export type Delivery = Omit<Reception, 'id' | 'client' | 'asker' | 'mayResume'>

/** How an upstream is spoken to. */
export type Partner =
  | { readonly era: 'session'; readonly session: UpstreamSession }
  | { readonly era: 'stateless' }

/** One request of a client to one upstream. */
export interface Conversation {
  readonly passage: Passage
  readonly client: Client
  readonly link: UpstreamLink
  /** The upstream session that the principal knows of, or null. */
  readonly known: UpstreamSession | null
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined
  /** What the client can cancel it by; absent in the stateless era, where it hangs up. */
  readonly running?: HeedingRequest
}
