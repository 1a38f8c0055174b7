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
  conceal,
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
import {
  aloneWhereHidden,
  hide,
  readingSections,
  refuseCompletionPaths,
  refuseToolPaths,
} from './fragments-reading.ts'
import { usesIn } from './uses.ts'

const counted = {
  counter: name,
  window,
  sliding,
  scope,
  increment: amount.optional().describe('The amount that a call adds; 1 where nothing is said'),
  increment_from: argumentPath.optional().describe('The argument whose value a call adds'),
}

const most = {
  max: amount,
  strict: z.boolean().optional().describe('max itself is too much already'),
}
const said = { on_deny: message.optional(), shadow }

const limit = object({
  ...counted,
  ...most,
  tool: name.optional().describe('Look at the counter of another tool ("*": of all_tools) and add nothing'),
  ...said,
}).superRefine((it, context) => {
  addsOneWay(it, context)
  countsWholes(it, context)
  if (it.tool !== undefined && (it.increment ?? it.increment_from) !== undefined) {
    refuse(context, 'no increment beside tool, whose counter is only looked at', null, ['tool'])
  }
})

/** A limit that moves its own counter alone. */
const ownLimit = object({ ...counted, ...most, ...said }).superRefine((it, context) => {
  addsOneWay(it, context)
  countsWholes(it, context)
})

/** A limit on what has no arguments in common. */
const { increment_from: _, ...counting } = counted
const plainLimit = object({ ...counting, ...most, ...said }).superRefine((it, context) => {
  addsOneWay(it, context)
  countsWholes(it, context)
})

function countsWholes(
  it: { max: unknown; increment?: unknown; increment_from?: unknown; tool?: unknown },
  context: z.core.$RefinementCtx,
): void {
  const countsCalls = it.increment === undefined && it.increment_from === undefined && it.tool === undefined
  if (countsCalls && /[.eE]/.test(String(it.max))) {
    refuse(context, 'a whole number, since calls are counted', null, ['max'])
  }
}

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

const denials = {
  require: z.array(requirement).optional().describe('Each must hold, or the call is denied'),
  deny_if: z.array(when).optional().describe('Each denies when all its conditions hold'),
}

const rules = {
  ...denials,
  require_approval: z.array(when).optional().describe('Each asks a person when all its conditions hold'),
  limits: z.array(limit).optional().describe('Each must have room, or the call is denied'),
  counts: z.array(count).optional().describe('Counters without a limit here'),
  conceal,
}

/** An entry of `resources` or `prompts`. Reading cannot be made subject to approval. */
const readingEntry = object({
  hide,
  ...denials,
  limits: z.array(ownLimit).optional().describe('Each must have room, or reading is denied'),
}).superRefine((it, context) => {
  aloneWhereHidden(it, context)
  for (const list of ['deny_if', 'require'] as const) {
    refuseToolPaths(usesIn(list, it[list] ?? []), context)
  }
})

export const hostedTool = object(rules).superRefine((it, context) => {
  for (const list of ['deny_if', 'require', 'require_approval'] as const) {
    refuseCompletionPaths(usesIn(list, it[list] ?? []), context)
  }
})

/** The limits on everything that is decided, reading included. */
const everything = object({ limits: z.array(plainLimit).optional() })

export const hostedDocument = object({
  ...top,
  default: z.enum(['allow', 'deny']).optional().describe('For tools that are not named; deny where absent'),
  all: everything.optional().describe('Limits on every call and on reading, after all others'),
  all_tools: hostedTool.optional().describe('Rules on every call, after the tool’s own'),
  tools: z
    .record(name, hostedTool)
    .optional()
    .describe('Rules by tool; naming one, even with {}, allows it under default deny'),
  ...readingSections(readingEntry),
}).superRefine(({ tools }, context) => {
  if (tools !== undefined && Object.hasOwn(tools, '*')) {
    refuse(context, 'a tool name; rules on every tool stand under /all_tools', null, ['tools', '*'])
  }
})

export type HostedDocument = z.infer<typeof hostedDocument>
export type HostedTool = z.infer<typeof hostedTool>
export type HostedReading = Readonly<Record<string, z.infer<typeof readingEntry>>>
export type HostedReadingEntry = z.infer<typeof readingEntry>
/** Rules of whatever they are on. */
export type HostedRules = HostedTool
export type HostedLimit = z.infer<typeof limit>
export type HostedCount = z.infer<typeof count>
