/** One request at a page of approvals. */
import type { AskedHere } from './sign-in.ts'

/** One request at a page. */
export interface Visit extends AskedHere {
  readonly base: string
  /** The last part of the path, whatever it is; null: the list. */
  readonly id: string | null
  readonly requestId: string
}
