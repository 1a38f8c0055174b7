/**
 * The hosted dialect: `version`, `default`, `hide`, `all_tools`, `tools`. It can say everything that the other
 * two can, so it is also what they are translated to before they are compiled.
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
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

const counted = lazy(() => ({
  counter: name(),
  window: window(),
  sliding: sliding(),
  scope: scope(),
  increment: amount().optional().describe('The amount that a call adds; 1 where nothing is said'),
  increment_from: argumentPath().optional().describe('The argument whose value a call adds'),
}))

const most = lazy(() => ({
  max: amount(),
  strict: z.boolean().optional().describe('max itself is too much already'),
}))
const said = lazy(() => ({ on_deny: message().optional(), shadow: shadow() }))

const limit = lazy(() =>
  object({
    ...counted(),
    ...most(),
    tool: name()
      .optional()
      .describe('Look at the counter of another tool ("*": of all_tools) and add nothing'),
    ...said(),
  }).superRefine((it, context) => {
    addsOneWay(it, context)
    countsWholes(it, context)
    if (it.tool !== undefined && (it.increment ?? it.increment_from) !== undefined) {
      refuse(context, 'no increment beside tool, whose counter is only looked at', null, ['tool'])
    }
  }),
)

/** A limit that moves its own counter alone. */
const ownLimit = lazy(() =>
  object({ ...counted(), ...most(), ...said() }).superRefine((it, context) => {
    addsOneWay(it, context)
    countsWholes(it, context)
  }),
)

const counting = lazy(() => {
  const { increment_from: _, ...counting } = counted()
  return counting
})

/** A limit on what has no arguments in common. */
const plainLimit = lazy(() =>
  object({ ...counting(), ...most(), ...said() }).superRefine((it, context) => {
    addsOneWay(it, context)
    countsWholes(it, context)
  }),
)

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
const count = lazy(() => object(counted()).superRefine(addsOneWay))

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
const when = lazy(() =>
  object({
    conditions: z.array(condition()).max(100),
    on_deny: message().optional(),
    shadow: shadow(),
  }),
)

/** A requirement is a single condition with a message, or a group of them. */
const requirement = lazy(() =>
  z.union([
    comparisonOf(path(), path(), { on_deny: message().optional(), shadow: shadow() }),
    ...combinations(),
    object({
      conditions: z.array(condition()).min(1).max(100),
      on_deny: message().optional(),
      shadow: shadow(),
    }),
  ]),
)

const denials = lazy(() => ({
  require: z.array(requirement()).optional().describe('Each must hold, or the call is denied'),
  deny_if: z.array(when()).optional().describe('Each denies when all its conditions hold'),
}))

const rules = lazy(() => ({
  ...denials(),
  require_approval: z.array(when()).optional().describe('Each asks a person when all its conditions hold'),
  limits: z.array(limit()).optional().describe('Each must have room, or the call is denied'),
  counts: z.array(count()).optional().describe('Counters without a limit here'),
  conceal: conceal(),
}))

/** An entry of `resources` or `prompts`. Reading cannot be made subject to approval. */
const readingEntry = lazy(() =>
  object({
    hide: hide(),
    ...denials(),
    limits: z.array(ownLimit()).optional().describe('Each must have room, or reading is denied'),
  }).superRefine((it, context) => {
    aloneWhereHidden(it, context)
    for (const list of ['deny_if', 'require'] as const) {
      refuseToolPaths(usesIn(list, it[list] ?? []), context)
    }
  }),
)

export const hostedTool = lazy(() =>
  object(rules()).superRefine((it, context) => {
    for (const list of ['deny_if', 'require', 'require_approval'] as const) {
      refuseCompletionPaths(usesIn(list, it[list] ?? []), context)
    }
  }),
)

/** The limits on everything that is decided, reading included. */
const everything = lazy(() => object({ limits: z.array(plainLimit()).optional() }))

export const hostedDocument = lazy(() =>
  object({
    ...top(),
    default: z.enum(['allow', 'deny']).optional().describe('For tools that are not named; deny where absent'),
    all: everything().optional().describe('Limits on every call and on reading, after all others'),
    all_tools: hostedTool().optional().describe('Rules on every call, after the tool’s own'),
    tools: z
      .record(name(), hostedTool())
      .optional()
      .describe('Rules by tool; naming one, even with {}, allows it under default deny'),
    ...readingSections(readingEntry()),
  }).superRefine(({ tools }, context) => {
    if (tools !== undefined && Object.hasOwn(tools, '*')) {
      refuse(context, 'a tool name; rules on every tool stand under /all_tools', null, ['tools', '*'])
    }
  }),
)

export type HostedDocument = z.infer<ReturnType<typeof hostedDocument>>
export type HostedTool = z.infer<ReturnType<typeof hostedTool>>
export type HostedReading = Readonly<Record<string, z.infer<ReturnType<typeof readingEntry>>>>
export type HostedReadingEntry = z.infer<ReturnType<typeof readingEntry>>
/** Rules of whatever they are on. */
export type HostedRules = HostedTool
export type HostedLimit = z.infer<ReturnType<typeof limit>>
export type HostedCount = z.infer<ReturnType<typeof count>>
