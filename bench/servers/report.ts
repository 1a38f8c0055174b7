/** What the lab knows of one server when it is done with it. */
import type { Wire } from './probe.ts'

export interface Report {
  readonly name: string
  /** The package, and what it stands behind. */
  readonly program: string
  readonly version: string
  /** Why nothing was compared; null where it was. */
  readonly problem: string | null
  /** Revisions that it speaks when it is asked directly: the newest of each era. */
  readonly eras: readonly string[]
  /** What it does where servers differ; null where it could not be asked. */
  readonly wire: Wire | null
  readonly tools: number
  /** Lists and calls that were compared with the server's own. */
  readonly compared: number
  readonly differences: readonly Difference[]
  /** What the gateway says that it did to names and entries. */
  readonly notes: readonly string[]
}

export interface Difference {
  /** Where it was asked: era and endpoint. */
  readonly at: string
  /** What was asked for. */
  readonly what: string
  /** Where the answers differ, and what stood there. */
  readonly how: string
}
