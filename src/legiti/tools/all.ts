/**
 * The eighteen Legiti tools as the `legiti` server offers them, in the order of the table in legiti.md.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import { trackAccount, trackAccountUpdate, trackSignup } from './accounts.ts'
import { trackAuth, trackLogin, trackLogout, trackPasswordRecovery } from './auth.ts'
import {
  evaluateOrder,
  evaluateSale,
  getDecision,
  markDisputeResolution,
  markOrderFraudulent,
  updateDecisionStatus,
  updateOrder,
} from './orders.ts'
import { trackEvent, trackEventView, trackPayment, trackSale } from './sales.ts'
import type { LegitiTool } from './tool.ts'

export { type LegitiTool, type LegitiToolName, legitiToolNames } from './tool.ts'

/** All eighteen tools. */
export const legitiTools: readonly LegitiTool[] = [
  evaluateOrder,
  updateOrder,
  markOrderFraudulent,
  markDisputeResolution,
  evaluateSale,
  getDecision,
  updateDecisionStatus,
  trackAccount,
  trackSignup,
  trackAccountUpdate,
  trackEvent,
  trackEventView,
  trackSale,
  trackPayment,
  trackAuth,
  trackLogin,
  trackLogout,
  trackPasswordRecovery,
]

const byName: ReadonlyMap<string, LegitiTool> = new Map(legitiTools.map((tool) => [tool.name, tool]))

/** The tool of that name, or null when Legiti has none such. Names are exact. */
export function findLegitiTool(name: string): LegitiTool | null {
  return byName.get(name) ?? null
}
