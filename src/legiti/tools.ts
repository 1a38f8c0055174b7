/**
 * The eighteen Legiti tools as the `legiti` server offers them, in the order of the table in legiti.md.
 *
 * Pure: no I/O, no clock, no randomness.
 */

import * as z from 'zod/v4'
import { trackAccount, trackAccountUpdate, trackSignup } from './tools/accounts.ts'
import { trackAuth, trackLogin, trackLogout, trackPasswordRecovery } from './tools/auth.ts'
import {
  evaluateOrder,
  evaluateSale,
  getDecision,
  markDisputeResolution,
  markOrderFraudulent,
  updateDecisionStatus,
  updateOrder,
} from './tools/orders.ts'
import { trackEvent, trackEventView, trackPayment, trackSale } from './tools/sales.ts'
import type { LegitiTool, LegitiToolName } from './tools/tool.ts'

export { type LegitiTool, type LegitiToolName, legitiToolNames } from './tools/tool.ts'

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

const jsonSchemas = new Map<LegitiToolName, z.core.JSONSchema.JSONSchema>()

/**
 * The input of a tool as JSON Schema (draft 2020-12, `additionalProperties: false`), as `tools/list` shows it.
 * Built at first use and kept, since a Worker that never lists these tools need not pay for it at start; the
 * caller must not change what it gets. It shows the shape: rules that JSON Schema cannot say well (two
 * decimals, well-formed ids) are enforced by `input` and told in the descriptions.
 */
export function legitiInputSchema(tool: LegitiTool): Readonly<z.core.JSONSchema.JSONSchema> {
  const known = jsonSchemas.get(tool.name)
  if (known !== undefined) return known
  const schema = z.toJSONSchema(tool.input, { target: 'draft-2020-12', io: 'input' })
  jsonSchemas.set(tool.name, schema)
  return schema
}
