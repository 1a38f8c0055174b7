/**
 * The rule dialect: `tools[name].rules[]`, and `tools["*"]` for rules on every call. Translated to the hosted
 * dialect, with a note of where each part came from.
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { ConditionDocument } from './condition.ts'
import {
  amount,
  argumentPath,
  combinations,
  comparisonOf,
  conceal,
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
import { parsePath } from './path.ts'
import { usesIn } from './uses.ts'

const state = lazy(() =>
  object({
    counter: name(),
    window: window(),
    sliding: sliding(),
    scope: scope(),
    increment: amount().optional(),
    increment_from: argumentPath().optional(),
  }).superRefine((it, context) => {
    if (it.increment !== undefined && it.increment_from !== undefined) {
      refuse(context, 'increment or increment_from, not both', null, ['increment_from'])
    }
    if (it.increment !== undefined && Number(it.increment) === 0) {
      refuse(context, 'more than 0: a counter that never moves limits nothing', null, ['increment'])
    }
  }),
)

/** `state.<tool>.<counter>`, or any other path. Which counters there are is checked once all are known. */
const pathOrCounter = lazy(() =>
  z.string().superRefine((text, context) => {
    if (isCounter(text)) return
    const parsed = parsePath(text)
    if (!parsed.ok) refuse(context, `state.<tool>.<counter>, ${parsed.allowed}`, parsed.nearest)
  }),
)

const withoutCounter = lazy(() =>
  z.string().superRefine((text, context) => {
    if (isCounter(text)) {
      refuse(context, 'lt or lte beside a counter: a limit is a most, never a least')
      return
    }
    const parsed = parsePath(text)
    if (!parsed.ok) refuse(context, parsed.allowed, parsed.nearest)
  }),
)

const condition = lazy(() =>
  z.union([comparisonOf(withoutCounter(), pathOrCounter(), {}), ...combinations()]),
)
const plainCondition = lazy(() => z.union([comparisonOf(path(), path(), {}), ...combinations()]))

const RATE = /^(\d{1,15})\/(minute|hour|day)$/

const rateLimit = lazy(() =>
  z
    .string()
    .regex(RATE, 'calls per window, such as 30/minute: <whole number>/<minute, hour or day>')
    .optional(),
)

const said = lazy(() => ({
  name: z.string().max(500).optional(),
  on_deny: message().optional(),
  shadow: shadow(),
}))

const rule = lazy(() =>
  object({
    name: said().name,
    action: z
      .enum(['evaluate', 'deny', 'require_approval'])
      .optional()
      .describe(
        'evaluate (where absent): the conditions must hold. deny: always. require_approval: if they hold',
      ),
    conditions: z.array(condition()).max(100).optional(),
    on_deny: said().on_deny,
    rate_limit: rateLimit(),
    state: state().optional(),
    shadow: shadow(),
  }).superRefine((it, context) => {
    const counts = it.rate_limit !== undefined || it.state !== undefined
    const conditions = it.conditions ?? []
    if (it.rate_limit !== undefined && it.state !== undefined) {
      refuse(context, 'rate_limit or state, not both', null, ['rate_limit'])
    }
    if (it.action === 'deny' && (counts || conditions.length > 0)) {
      refuse(context, '"evaluate" beside conditions, rate_limit or state; "deny" stands alone', null, [
        'action',
      ])
    }
    if (it.action === 'require_approval' && (counts || conditions.some(comparesCounter))) {
      refuse(context, '"evaluate" beside a counter', null, ['action'])
    }
    if ((it.action ?? 'evaluate') === 'evaluate' && !counts && conditions.length === 0) {
      refuse(context, 'conditions, rate_limit or state, or action "deny"')
    }
    refuseCompletionPaths(usesIn('conditions', conditions), context)
  }),
)

/** A rule on reading: nobody can be asked to approve it, and counters have names at tools alone. */
const readingRule = lazy(() =>
  object({
    name: said().name,
    action: z.enum(['evaluate', 'deny']).optional(),
    conditions: z.array(plainCondition()).max(100).optional(),
    on_deny: said().on_deny,
    rate_limit: rateLimit(),
    shadow: shadow(),
  }).superRefine((it, context) => {
    const conditions = it.conditions ?? []
    const says = it.rate_limit !== undefined || conditions.length > 0
    if (it.action === 'deny' ? says : !says)
      refuse(context, 'conditions or rate_limit, or action "deny" alone')
    refuseToolPaths(usesIn('conditions', conditions), context)
  }),
)

const readingEntry = lazy(() =>
  object({ hide: hide(), rules: z.array(readingRule()).optional() }).superRefine(aloneWhereHidden),
)

/** A limit on everything that is decided. */
const everyRule = lazy(() =>
  object({
    name: said().name,
    rate_limit: rateLimit().unwrap(),
    on_deny: said().on_deny,
    shadow: shadow(),
  }),
)

export const ruleTool = lazy(() => object({ rules: z.array(rule()), conceal: conceal() }))

export const ruleDocument = lazy(() =>
  object({
    ...top(),
    default: z
      .enum(['allow', 'deny'])
      .optional()
      .describe('For tools that are not named; allow where absent'),
    all: object({ rules: z.array(everyRule()) })
      .optional()
      .describe('Limits on every call and on reading, after all others'),
    tools: z.record(name(), ruleTool()).optional().describe('Rules by tool; "*" for rules on every call'),
    ...readingSections(readingEntry()),
  }),
)

export type RuleDocument = z.infer<ReturnType<typeof ruleDocument>>
export type Rule = z.infer<ReturnType<typeof rule>>
export type ReadingRule = z.infer<ReturnType<typeof readingRule>>
export type RuleState = z.infer<ReturnType<typeof state>>
export type CounterCondition = { path: string; op: 'lt' | 'lte'; value: string | number }

export function isCounter(text: string): boolean {
  return text.startsWith('state.')
}

/** Tells whether a condition compares a counter; those inside `any_of` and `not` cannot. */
export function comparesCounter(it: z.infer<ReturnType<typeof condition>> | ConditionDocument): boolean {
  return 'path' in it && isCounter(it.path)
}

/** Reads a rate such as "30/minute". */
export function readRate(text: string): { max: number; window: 'minute' | 'hour' | 'day' } {
  const [count, window] = text.split('/') as [string, 'minute' | 'hour' | 'day']
  return { max: Number(count), window }
}
