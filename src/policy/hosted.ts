/**
 * The hosted dialect: `version`, `default`, `hide`, `all_tools`, `tools`. It can say everything that the other
 * two can, so it is also what they are translated to before they are compiled.
 */
import * as z from 'zod/v4'
import {
  amount,
  argumentPath,
  combinations,
  comparisonOf,
  condition,
  message,
  name,
  object,
  path,
  refuse,
  scope,
  shadow,
  sliding,
  top,
  window,
} from './fragments.ts'

const counted = {
  counter: name,
  window,
  sliding,
  scope,
  increment: amount.optional().describe('What a call adds; 1 where nothing is said'),
  increment_from: argumentPath.optional().describe('The argument whose value a call adds'),
}

const limit = object({
  ...counted,
  max: amount,
  strict: z.boolean().optional().describe('max itself is too much already'),
  tool: name.optional().describe('Look at the counter of another tool ("*": of all_tools) and add nothing'),
  on_deny: message.optional(),
  shadow,
}).superRefine((it, context) => {
  addsOneWay(it, context)
  const countsCalls = it.increment === undefined && it.increment_from === undefined && it.tool === undefined
  if (countsCalls && /[.eE]/.test(String(it.max))) {
    refuse(context, 'a whole number, since calls are counted', null, ['max'])
  }
  if (it.tool !== undefined && (it.increment ?? it.increment_from) !== undefined) {
    refuse(context, 'no increment beside tool, whose counter is only looked at', null, ['tool'])
  }
})

/** Counts without limiting: for limits that stand at another tool. */
const count = object(counted).superRefine(addsOneWay)

function addsOneWay(
  it: { increment?: unknown; increment_from?: unknown },
  context: z.core.$RefinementCtx,
): void {
  if (it.increment !== undefined && it.increment_from !== undefined) {
    refuse(context, 'increment or increment_from, not both', null, ['increment_from'])
  }
  if (it.increment !== undefined && Number(it.increment) === 0) {
    refuse(context, 'more than 0: a counter that never moves limits nothing', null, ['increment'])
  }
}

/** All conditions must hold for the rule to act; where there are none, it always does. */
const when = object({
  conditions: z.array(condition).max(100),
  on_deny: message.optional(),
  shadow,
})

/** A requirement is a single condition with a message, or a group of them. */
const requirement = z.union([
  comparisonOf(path, path, { on_deny: message.optional(), shadow }),
  ...combinations,
  object({ conditions: z.array(condition).min(1).max(100), on_deny: message.optional(), shadow }),
])

const rules = {
  require: z.array(requirement).optional().describe('Each must hold, or the call is denied'),
  deny_if: z.array(when).optional().describe('Each denies when all its conditions hold'),
  require_approval: z.array(when).optional().describe('Each asks a person when all its conditions hold'),
  limits: z.array(limit).optional().describe('Each must have room, or the call is denied'),
  counts: z.array(count).optional().describe('Counters without a limit here'),
}

export const hostedTool = object(rules)

export const hostedDocument = object({
  ...top,
  default: z.enum(['allow', 'deny']).optional().describe('For tools that are not named; deny where absent'),
  all_tools: object(rules).optional().describe('Rules on every call, after the tool’s own'),
  tools: z
    .record(name, hostedTool)
    .optional()
    .describe('Rules by tool; naming one, even with {}, allows it under default deny'),
}).superRefine(({ tools }, context) => {
  if (tools !== undefined && Object.hasOwn(tools, '*')) {
    refuse(context, 'a tool name; rules on every tool stand under /all_tools', null, ['tools', '*'])
  }
})

export type HostedDocument = z.infer<typeof hostedDocument>
export type HostedTool = z.infer<typeof hostedTool>
export type HostedLimit = z.infer<typeof limit>
export type HostedCount = z.infer<typeof count>
