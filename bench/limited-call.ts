/** The call that an admission is measured with: of a tool with one limit, which is never reached. */
import type { Intent } from '../src/contract/principal.ts'
import type { Charge } from '../src/policy/model.ts'

/** Of the token that asks. */
export const secretHash = new Uint8Array(32).fill(7)
export const charge: Charge = {
  rule: '/tools/find/limits/0',
  counter: 'calls',
  key: 'find/calls/minute/grant',
  window: { lengthMs: 60_000, sliding: false },
  scope: 'grant',
  max: '1000000000',
  strict: false,
  amount: '1',
  unit: 'calls',
  message: null,
  shadow: false,
}
export const call: Extract<Intent, { kind: 'call' }> = {
  kind: 'call',
  call: {
    server: 'crm',
    tool: 'find',
    argumentNames: ['query', 'limit'],
    argumentsHmac: 'k1:AAAAAAAAAAAAAAAAAAAAAA',
  },
  rule: '/tools/find',
  charges: [charge],
  shadow: [],
  assumed: null,
  approval: null,
  begunBy: null,
  work: { kind: 'none' },
}
