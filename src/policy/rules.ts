/**
 * The rule dialect: `tools[name].rules[]`, and `tools["*"]` for rules on every call. Translated to the hosted
 * dialect, with a note of where each part came from.
 */
import * as z from 'zod/v4'
import type { ConditionDocument } from './condition.ts'
import {
  amount,
  argumentPath,
  combinations,
  comparisonOf,
  message,
  name,
  object,
  refuse,
  scope,
  shadow,
  sliding,
  top,
  window,
} from './fragments.ts'
import { parsePath } from './path.ts'

const state = object({
  counter: name,
  window,
  sliding,
  scope,
  increment: amount.optional(),
  increment_from: argumentPath.optional(),
}).superRefine((it, context) => {
  if (it.increment !== undefined && it.increment_from !== undefined) {
    refuse(context, 'increment or increment_from, not both', null, ['increment_from'])
  }
  if (it.increment !== undefined && Number(it.increment) === 0) {
    refuse(context, 'more than 0: a counter that never moves limits nothing', null, ['increment'])
  }
})

/** `state.<tool>.<counter>`, or any other path. Which counters there are is checked once all are known. */
const pathOrCounter = z.string().superRefine((text, context) => {
  if (isCounter(text)) return
  const parsed = parsePath(text)
  if (!parsed.ok) refuse(context, `state.<tool>.<counter>, ${parsed.allowed}`, parsed.nearest)
})

const withoutCounter = z.string().superRefine((text, context) => {
  if (isCounter(text)) {
    refuse(context, 'lt or lte beside a counter: a limit is a most, never a least')
    return
  }
  const parsed = parsePath(text)
  if (!parsed.ok) refuse(context, parsed.allowed, parsed.nearest)
})

const condition = z.union([comparisonOf(withoutCounter, pathOrCounter, {}), ...combinations])

const RATE = /^(\d{1,15})\/(minute|hour|day)$/

const rule = object({
  name: z.string().max(500).optional(),
  action: z
    .enum(['evaluate', 'deny', 'require_approval'])
    .optional()
    .describe(
      'evaluate (where absent): the conditions must hold. deny: always. require_approval: if they hold',
    ),
  conditions: z.array(condition).max(100).optional(),
  on_deny: message.optional(),
  rate_limit: z
    .string()
    .regex(RATE, 'calls per window, such as 30/minute: <whole number>/<minute, hour or day>')
    .optional(),
  state: state.optional(),
  shadow,
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
})

export const ruleTool = object({ rules: z.array(rule) })

export const ruleDocument = object({
  ...top,
  default: z.enum(['allow', 'deny']).optional().describe('For tools that are not named; allow where absent'),
  tools: z.record(name, ruleTool).describe('Rules by tool; "*" for rules on every call'),
})

export type RuleDocument = z.infer<typeof ruleDocument>
export type Rule = z.infer<typeof rule>
export type RuleState = z.infer<typeof state>
export type CounterCondition = { path: string; op: 'lt' | 'lte'; value: string | number }

export function isCounter(text: string): boolean {
  return text.startsWith('state.')
}

/** Whether a condition compares a counter; those inside `any_of` and `not` cannot. */
export function comparesCounter(it: z.infer<typeof condition> | ConditionDocument): boolean {
  return 'path' in it && isCounter(it.path)
}

/** What "30/minute" says. */
export function readRate(text: string): { max: number; window: 'minute' | 'hour' | 'day' } {
  const [count, window] = text.split('/') as [string, 'minute' | 'hour' | 'day']
  return { max: Number(count), window }
}
