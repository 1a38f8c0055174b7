/** What the lab knows of one program when it is done with it. */
import type { Behaviour } from './behaviour.ts'
import type { Finding } from './scenario.ts'

/** What was seen of one program. */
export interface Report {
  readonly name: string
  readonly version: string
  /** Why nothing was seen; null where it ran. */
  readonly problem: string | null
  readonly findings: readonly Finding[]
  readonly behaviour: Behaviour | null
  readonly trace: readonly string[]
}
