import type { CallRecord } from '../contract/principal.ts'

/** What is said of a call of nothing that is known: nothing of what the client called it. */
export const unknownCall: CallRecord = {
  server: '(unknown)',
  tool: '(unknown)',
  argumentNames: [],
  argumentsHmac: null,
}
