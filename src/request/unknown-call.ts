import type { CallRecord } from '../contract/principal.ts'

/** The audit record of a call of an unknown tool. It holds nothing of the client's name for it. */
export const unknownCall: CallRecord = {
  server: '(unknown)',
  tool: '(unknown)',
  argumentNames: [],
  argumentsHmac: null,
}
