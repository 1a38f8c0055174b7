/** The events for Legiti that a principal holds, as administrators see them. */
import type { QueueState } from './queue.ts'

/** The state of the way to Legiti, as this principal has found it. */
export interface Destination {
  /** Rounds that failed in a row; while above 0, one event at a time is tried. */
  readonly failures: number
  /** Nothing is sent before. 0: open. */
  readonly retryAtMs: number
  /** Our key is refused or missing, so only a person can mend it. */
  readonly paused: boolean
  readonly reason: string
}

/** An event as an administrator sees it: never what is in it. */
export interface ListedEvent {
  readonly id: string
  readonly tool: string
  readonly state: QueueState
  readonly occurredAtMs: number
  readonly settledAtMs: number | null
  readonly attempts: number
  readonly lastError: string | null
}

/** Events in one state, oldest first. */
export interface EventPage {
  readonly events: readonly ListedEvent[]
  /** `after` of the next page; null: there is none. */
  readonly next: number | null
}

/** The number of waiting events, and the state of the way to Legiti. Times are Unix milliseconds. */
export interface OutboxView {
  readonly pending: number
  readonly dead: number
  readonly delivered: number
  readonly oldestPendingAtMs: number | null
  readonly destination: Destination
  /** The deployment has no Legiti. */
  readonly isOff: boolean
  /** The object's own clock, for the times above. */
  readonly nowMs: number
}
