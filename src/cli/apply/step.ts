/** One change of a plan. */
import type { Unfinished } from './journal.ts'
import type { Kind } from './kinds.ts'

export interface Step {
  readonly action: 'create' | 'change' | 'delete'
  readonly kind: Kind | 'tenant'
  readonly name: string
  /** Path in the API. */
  readonly path: string
  /** The document to send. It may hold header values, so it is never printed. */
  readonly body?: unknown
  /** The ETag that it must have still; null: it must not be there yet. */
  readonly tag: string | null
  /** The changes, for people to read. */
  readonly details: readonly string[]
  /** Requests of earlier runs that did not live to print its token or secret: asked again, exactly so. */
  readonly unfinished?: readonly Unfinished[]
  /** Warnings that the plan has said, in the gateway's words: its answer need not say them again. */
  readonly said?: ReadonlySet<string>
}
