/** A tenant's webhooks and their messages, as administrators see them. */
import type { QueueState } from './queue.ts'
import type { WebhookDocument } from './webhook-document.ts'

/** A message as an administrator sees it. */
export interface MessageView {
  readonly seq: number
  readonly id: string
  readonly type: string
  readonly state: QueueState
  readonly atMs: number
  readonly settledAtMs: number | null
  readonly attempts: number
  readonly lastError: string | null
}

/** A webhook without its secret. Times are Unix milliseconds. */
export interface WebhookView extends WebhookDocument {
  readonly name: string
  readonly tag: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Attempts that failed in a row. */
  readonly failures: number
  /** Nothing is sent before. 0: at once. */
  readonly retryAtMs: number
  readonly lastError: string | null
  readonly lastSuccessAtMs: number | null
  readonly pending: number
  readonly dead: number
  /** Until when messages are signed with the secret before this one as well; null: they are not, or no longer. */
  readonly olderUntilMs: number | null
}
