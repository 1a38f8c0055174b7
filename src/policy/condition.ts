/**
 * Conditions, compiled. Three outcomes, combined as in Kleene's logic: a condition that cannot be evaluated is
 * `unknown`, and whoever asks takes that as a reason to deny.
 *
 * A missing value fails `eq`, `in`, `contains`, `regex` and the comparisons: it is surely none of what they ask
 * for. For `neq` and `not_in` it is unknown: nobody can say that what the tool will use instead is different.
 */
import { jsonType, sameJson } from '../base/json.ts'
import { compareDecimals, type Decimal, exactNumber, formatDecimal, parseDecimal } from './decimal.ts'
import { Each, lookFor, MISSING, UNFIT } from './look.ts'
import type { Look, Test, Truth } from './model.ts'
import { parsePath } from './path.ts'
import { compilePattern, LONGEST_INPUT } from './pattern.ts'
import { pointer } from './problem.ts'

export const operators = [
  'eq',
  'neq',
  'in',
  'not_in',
  'lt',
  'lte',
  'gt',
  'gte',
  'regex',
  'contains',
  'exists',
] as const
export type Operator = (typeof operators)[number]

/** A condition as the documents write it. */
export type ConditionDocument =
  | { readonly path: string; readonly op: Operator; readonly value: unknown }
  | { readonly any_of: readonly ConditionDocument[] }
  | { readonly not: ConditionDocument }

type ValueTest = (value: unknown) => Truth

/** All of them must hold. None at all holds. */
export function allOf(tests: readonly Test[]): Test {
  const [only, ...others] = tests
  if (only !== undefined && others.length === 0) return only
  return (call, context, trace) => {
    let all: Truth = 'holds'
    for (const test of tests) {
      const truth = test(call, context, trace)
      if (truth === 'fails') return 'fails'
      if (truth === 'unknown') all = 'unknown'
    }
    return all
  }
}

function anyOf(tests: readonly Test[]): Test {
  return (call, context, trace) => {
    let any: Truth = 'fails'
    for (const test of tests) {
      const truth = test(call, context, trace)
      if (truth === 'holds') return 'holds'
      if (truth === 'unknown') any = 'unknown'
    }
    return any
  }
}

function not(test: Test): Test {
  return (call, context, trace) => {
    const truth = test(call, context, trace)
    if (truth === 'unknown') return 'unknown'
    return truth === 'holds' ? 'fails' : 'holds'
  }
}

/** Compiles a condition that has been validated. `at` is where it stands in the author's document. */
export function compileCondition(document: ConditionDocument, at: string): Test {
  if ('any_of' in document) {
    return anyOf(document.any_of.map((part, i) => compileCondition(part, `${at}${pointer('any_of', i)}`)))
  }
  if ('not' in document) return not(compileCondition(document.not, `${at}/not`))
  const { path, op, value } = document
  const parsed = parsePath(path)
  if (!parsed.ok) throw new Error(`not validated: ${at}`)
  return comparison(
    { condition: at, path, op, value },
    lookFor(parsed.path),
    valueTest(op, value),
    valuesOf(op, value),
  )
}

/**
 * The most comparisons of one condition over `[*]`: elements times the values that each is compared with. An agent's elements, and a
 * policy's list, are each bounded, and multiplied they would still take a second.
 */
const MOST_COMPARISONS = 100_000

/** With how many values each element is compared. */
function valuesOf(op: Operator, wanted: unknown): number {
  return (op === 'in' || op === 'not_in') && Array.isArray(wanted) ? Math.max(1, wanted.length) : 1
}

interface Comparison {
  /** The condition's place, as a JSON Pointer. */
  readonly condition: string
  readonly path: string
  readonly op: Operator
  readonly value: unknown
}

function comparison(
  { condition, path, op, value: wanted }: Comparison,
  look: Look,
  test: ValueTest,
  values: number,
): Test {
  return (call, context, trace) => {
    const value = look(call, context)
    const isTooMuch = value instanceof Each && isBeyond(value, op, values)
    const outcome = isTooMuch ? 'unknown' : value instanceof Each ? every(value, test) : test(value)
    trace.push({ condition, path, op, value: wanted, saw: nameOf(value), outcome })
    return outcome
  }
}

/** Tells whether there is more to compare or to search than a condition may: nobody has looked then, so it is unknown. */
function isBeyond(each: Each, op: Operator, values: number): boolean {
  if (op === 'regex' && textLength(each) > LONGEST_INPUT) return true
  return comparisonsIn(each, op) * values > MOST_COMPARISONS
}

/** One for each element; for `contains`, which looks into lists, one for each of their items. */
function comparisonsIn({ values }: Each, op: Operator): number {
  return values.reduce<number>((sum, value) => {
    if (value instanceof Each) return sum + comparisonsIn(value, op)
    return sum + (op === 'contains' && Array.isArray(value) ? value.length : 1)
  }, 0)
}

/** Returns how much text there is to search: an agent may send many texts as well as a long one. */
function textLength({ values }: Each): number {
  return values.reduce<number>((sum, value) => {
    if (value instanceof Each) return sum + textLength(value)
    return sum + (typeof value === 'string' ? value.length : 0)
  }, 0)
}

/** Every element must hold; of no elements, every one does. */
function every({ values }: Each, test: ValueTest): Truth {
  let all: Truth = 'holds'
  for (const value of values) {
    const truth = value instanceof Each ? every(value, test) : test(value)
    if (truth === 'fails') return 'fails'
    if (truth === 'unknown') all = 'unknown'
  }
  return all
}

/** Names the type of a value, without the value. */
function nameOf(value: unknown): string {
  if (value === MISSING) return 'nothing'
  if (value === UNFIT) return 'a value that the path cannot go through'
  if (!(value instanceof Each)) return jsonType(value)
  if (value.values.length === 0) return 'an empty list'
  const names = new Set(value.values.map(nameOf))
  return `each of ${value.values.length}: ${[...names].join(', ')}`
}

function valueTest(op: Operator, wanted: unknown): ValueTest {
  switch (op) {
    case 'exists':
      return exists(wanted === true)
    case 'eq':
      return equal([wanted], 'holds', 'fails')
    case 'neq':
      return equal([wanted], 'fails', 'holds')
    case 'in':
      return equal(wanted as readonly unknown[], 'holds', 'fails')
    case 'not_in':
      return equal(wanted as readonly unknown[], 'fails', 'holds')
    case 'lt':
      return ordered(wanted, (order) => order < 0)
    case 'lte':
      return ordered(wanted, (order) => order <= 0)
    case 'gt':
      return ordered(wanted, (order) => order > 0)
    case 'gte':
      return ordered(wanted, (order) => order >= 0)
    case 'regex':
      return matching(wanted as string)
    case 'contains':
      return containing(wanted)
  }
}

function truthOf(holds: boolean): Truth {
  return holds ? 'holds' : 'fails'
}

/** JSON null counts as absent: many clients send it for "not given". */
function exists(wanted: boolean): ValueTest {
  return (value) => {
    if (value === UNFIT) return 'unknown'
    return truthOf((value !== MISSING && value !== null) === wanted)
  }
}

function equal(wanted: readonly unknown[], same: Truth, different: Truth): ValueTest {
  const missing = different === 'holds' ? 'unknown' : 'fails'
  return (value) => {
    if (value === MISSING) return missing
    if (value === UNFIT) return 'unknown'
    for (const one of wanted) if (sameJson(value, one)) return same
    return different
  }
}

/** Compares decimal numbers exactly, whether they come as numbers or as text. */
function ordered(wanted: unknown, holds: (order: number) => boolean): ValueTest {
  const bound = parseDecimal(wanted) as Decimal
  // Two JavaScript numbers are ordered just as their shortest decimal forms are.
  const number = exactNumber(formatDecimal(bound))
  return (value) => {
    if (number !== null && isNumber(value)) return truthOf(holds(value - number))
    if (value === MISSING) return 'fails'
    const decimal = parseDecimal(value)
    return decimal === null ? 'unknown' : truthOf(holds(compareDecimals(decimal, bound)))
  }
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

function matching(source: string): ValueTest {
  const pattern = compilePattern(source)
  if ('error' in pattern) throw new Error(`not validated: ${pattern.error}`)
  return (value) => {
    if (value === MISSING) return 'fails'
    if (typeof value !== 'string') return 'unknown'
    const matches = pattern.test(value)
    return matches === null ? 'unknown' : truthOf(matches)
  }
}

function containing(wanted: unknown): ValueTest {
  return (value) => {
    if (value === MISSING) return 'fails'
    if (typeof value === 'string' && typeof wanted === 'string') return truthOf(value.includes(wanted))
    return Array.isArray(value) ? truthOf(value.some((item) => sameJson(item, wanted))) : 'unknown'
  }
}
