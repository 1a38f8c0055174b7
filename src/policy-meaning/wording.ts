/**
 * Parts of a policy in words. The same meaning has the same words, however a document writes it: so words are
 * what `diff` compares.
 */
import { isObject } from '../base/json.ts'
import type { ConditionDocument } from '../policy/condition.ts'
import { formatDecimal, parseDecimal } from '../policy/decimal.ts'
import type { HostedCount, HostedLimit, HostedTool } from '../policy/hosted.ts'
import type { WindowName } from '../policy/model.ts'
import { parsePath, type Step } from '../policy/path.ts'
import { describeWindow, windowOf } from '../policy/window.ts'

type Requirement = NonNullable<HostedTool['require']>[number]
type When = NonNullable<HostedTool['deny_if']>[number]

/** A limit, in two parts: two limits with the same `of` differ in what they allow, others are others. */
export interface LimitWords {
  readonly of: string
  readonly says: string
}

/** Describes a requirement in words. */
export function requirementWords(it: Requirement, isWatched: boolean): string {
  const { on_deny, shadow, ...rest } = it as Requirement & Partial<When>
  const conditions = 'conditions' in rest ? rest.conditions : [rest as ConditionDocument]
  return `denies unless ${all(conditions)}${said(on_deny, shadow, isWatched)}`
}

/** Describes an entry of `deny_if` or `require_approval` in words. */
export function whenWords(verb: string, { conditions, on_deny, shadow }: When, isWatched: boolean): string {
  const when = conditions.length === 0 ? 'always' : `if ${all(conditions)}`
  return `${verb} ${when}${said(on_deny, shadow, isWatched)}`
}

/** Describes a limit or a counter in words. `owner` names the thing that its counter belongs to. */
export function limitWords(it: HostedLimit | HostedCount, owner: string, isWatched: boolean): LimitWords {
  const { counter, window, sliding = false, scope = 'grant', increment, increment_from } = it
  const limit = 'max' in it ? it : null
  const whose = limit?.tool === undefined ? owner : ownerWords(limit.tool)
  const adds =
    limit?.tool !== undefined
      ? ', adding nothing'
      : increment_from !== undefined
        ? `, adding ${pathWords(increment_from)}`
        : increment !== undefined && number(increment) !== '1'
          ? `, adding ${number(increment)}`
          : ''
  const time = describeWindow(windowOf(window as WindowName | number, sliding))
  const of = `per ${time} and ${scope}, in ${JSON.stringify(counter)} of ${whose}${adds}`
  if (limit === null) return { of, says: `counts ${of}` }
  const most = limit.strict === true ? 'less than' : 'at most'
  return { of, says: `${most} ${number(limit.max)} ${of}${said(limit.on_deny, limit.shadow, isWatched)}` }
}

/** A tool, or `*` for all of them, as what a counter belongs to. */
export function ownerWords(tool: string): string {
  return tool === '*' ? 'all tools together' : JSON.stringify(tool)
}

function said(message: string | undefined, shadow: boolean | undefined, isWatched: boolean): string {
  const words = message === undefined ? '' : `, saying ${JSON.stringify(message)}`
  // In a policy that only watches, every rule does.
  return shadow === true || isWatched ? `${words} (shadow)` : words
}

function all(conditions: readonly ConditionDocument[]): string {
  return joined(conditions.map(conditionWords), ' and ')
}

function conditionWords(it: ConditionDocument): string {
  if ('any_of' in it) {
    const [only, ...others] = it.any_of
    if (only !== undefined && others.length === 0) return conditionWords(only)
    return `(${joined(it.any_of.map(conditionWords), ' or ')})`
  }
  if ('not' in it) return `not (${conditionWords(it.not)})`
  return `${pathWords(it.path)} ${it.op} ${valueWords(it.op, it.value)}`
}

function valueWords(op: string, value: unknown): string {
  if (['lt', 'lte', 'gt', 'gte'].includes(op)) return number(value)
  if (Array.isArray(value) && (op === 'in' || op === 'not_in')) return `[${joined(value.map(json), ', ')}]`
  return json(value)
}

/** In whatever order, and once: neither changes what a list of conditions or of values means. */
function joined(parts: readonly string[], between: string): string {
  return [...new Set(parts)].sort().join(between)
}

function number(value: unknown): string {
  const decimal = parseDecimal(value)
  return decimal === null ? json(value) : formatDecimal(decimal)
}

/** JSON with the names of objects in order. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  )
}

function pathWords(text: string): string {
  const parsed = parsePath(text)
  if (!parsed.ok || parsed.path.root !== 'args') return text.replace(/@UTC$/, '')
  return `args${parsed.path.steps.map(stepWords).join('')}`
}

function stepWords(step: Step): string {
  if (step.kind === 'each') return '[*]'
  if (step.kind === 'index') return `[${step.index}]`
  return /^[^.[\]"\s\\]+$/.test(step.name) ? `.${step.name}` : `[${JSON.stringify(step.name)}]`
}
