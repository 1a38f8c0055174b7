/**
 * Paths: what a condition looks at.
 *
 *     args.amount   args.to.name   args.items[0].price   args.items[*].price   args["a.b"].c
 *     session.account   grant.label   tool.annotations.readOnlyHint   time.hour   time.weekday@America/Sao_Paulo
 *     completion.ref   completion.argument.name   completion.argument.value   completion.context.owner
 *
 * A name that holds a dot, a bracket, a quote or a blank stands in brackets, as a JSON string.
 */
import { type Clock, clockOf, zoneNames } from './clock.ts'
import { nearest } from './spelling.ts'

export type Step =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  /** `[*]`: every element. */
  | { readonly kind: 'each' }

/** The facts beside the arguments, and what type each has: a rule that compares it with another never matches. */
export const facts = {
  'session.account': 'string',
  'grant.label': 'string',
  'tool.annotations.title': 'string',
  'tool.annotations.readOnlyHint': 'boolean',
  'tool.annotations.destructiveHint': 'boolean',
  'tool.annotations.idempotentHint': 'boolean',
  'tool.annotations.openWorldHint': 'boolean',
  'time.hour': 'hour',
  'time.weekday': 'weekday',
  'completion.ref': 'string',
  'completion.argument.name': 'string',
  'completion.argument.value': 'string',
} as const
export type Fact = keyof typeof facts

/** The arguments that are settled when another is completed: each is a text, by its name. */
const SETTLED = 'completion.context'

/** Returns the type of a path beside the arguments; null for a path into the arguments, or for none. */
export function typeOfPath(text: string): (typeof facts)[Fact] | null {
  const name = text.replace(/@.*$/, '')
  // The path may be anything yet, also the name of what every object has.
  if (Object.hasOwn(facts, name)) return facts[name as Fact]
  return parseSettled(text) === null ? null : 'string'
}

export type Path =
  | { readonly root: 'args'; readonly steps: readonly Step[] }
  | { readonly root: 'settled'; readonly name: string }
  | { readonly root: 'time'; readonly part: 'hour' | 'weekday'; readonly clock: Clock }
  | { readonly root: 'fact'; readonly fact: Exclude<Fact, 'time.hour' | 'time.weekday'> }

export type ParsedPath =
  | { readonly ok: true; readonly path: Path }
  | { readonly ok: false; readonly allowed: string; readonly nearest: string | null }

export const LONGEST_PATH = 512

/** The text between the dots, or in brackets. Sticky: each match begins where the last one ended. */
const STEP = /\.([^.[\]"\s\\]+)|\[(\d{1,6})\]|\[(\*)\]|\[("(?:[^"\\]|\\.)*")\]/y

/** Reads a path of a condition, or says what is allowed instead. `state.` is not for this: see rules.ts. */
export function parsePath(text: string): ParsedPath {
  if (/^args(?:[.[]|$)/.test(text)) return parseArguments(text)
  const [, part, zone] = /^time\.(hour|weekday)(?:@(.*))?$/.exec(text) ?? []
  if (part !== undefined) return parseTime(part as 'hour' | 'weekday', zone ?? 'UTC')
  if (Object.hasOwn(facts, text)) return { ok: true, path: { root: 'fact', fact: text as never } }
  const settled = parseSettled(text)
  if (settled !== null) return { ok: true, path: { root: 'settled', name: settled } }
  const names = [...Object.keys(facts), `${SETTLED}.<name>`]
  return {
    ok: false,
    allowed: `args.<name>, ${names.join(', ')}`,
    nearest: nearest(text, names) ?? nearest(text.replace(/[.[].*$/s, ''), ['args']),
  }
}

/** The name of the settled argument that a path names, or null. */
function parseSettled(text: string): string | null {
  if (text.length > LONGEST_PATH || !text.startsWith(SETTLED)) return null
  STEP.lastIndex = SETTLED.length
  const match = STEP.exec(text)
  const step = match === null || STEP.lastIndex < text.length ? null : stepOf(match)
  return step?.kind === 'name' ? step.name : null
}

function parseTime(part: 'hour' | 'weekday', zone: string): ParsedPath {
  const clock = clockOf(zone)
  if (clock !== null) return { ok: true, path: { root: 'time', part, clock } }
  const meant = nearest(zone, zoneNames())
  return {
    ok: false,
    allowed: `an IANA time zone after the @, such as time.${part}@Europe/Madrid`,
    nearest: meant === null ? null : `time.${part}@${meant}`,
  }
}

function parseArguments(text: string): ParsedPath {
  const steps = stepsIn(text, 'args'.length)
  // The arguments are an object, so the first step is a name.
  if (steps?.[0]?.kind === 'name') return { ok: true, path: { root: 'args', steps } }
  return {
    ok: false,
    allowed: 'args.<name>, args.<name>[0], args.<name>[*], args["a name with dots"]',
    nearest: null,
  }
}

/** The steps of a path from the character `from` on; null where it is none. */
function stepsIn(text: string, from: number): Step[] | null {
  if (text.length > LONGEST_PATH) return null
  const steps: Step[] = []
  for (let at = from; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at
    const match = STEP.exec(text)
    const step = match === null ? null : stepOf(match)
    if (step === null) return null
    steps.push(step)
  }
  return steps
}

/** The place of a concealed value in a call: among its arguments, or in the `_meta` beside them. */
export interface ConcealedPath {
  readonly root: ConcealedRoot
  /** None: everything below the root. */
  readonly steps: readonly Step[]
}

export const concealedRoots = ['args', '_meta'] as const
export type ConcealedRoot = (typeof concealedRoots)[number]

/** Reads a path of `conceal`, as in conditions; the root by itself is all that is below it. Null for what is none. */
export function parseConcealed(text: string): ConcealedPath | null {
  const root = concealedRoots.find(
    (it) => text === it || (text.startsWith(it) && /[.[]/.test(text[it.length] ?? '')),
  )
  if (root === undefined) return null
  const steps = stepsIn(text, root.length)
  if (steps === null || (steps[0] !== undefined && steps[0].kind !== 'name')) return null
  return { root, steps }
}

/** A path as it is written. */
export function formatPath({ root, steps }: ConcealedPath): string {
  return root + steps.map(formatStep).join('')
}

function formatStep(step: Step): string {
  if (step.kind === 'each') return '[*]'
  if (step.kind === 'index') return `[${step.index}]`
  return /^[^.[\]"\s\\]+$/.test(step.name) ? `.${step.name}` : `[${JSON.stringify(step.name)}]`
}

function stepOf([, bare, index, each, quoted]: RegExpExecArray): Step | null {
  if (bare !== undefined) return { kind: 'name', name: bare }
  if (index !== undefined) return { kind: 'index', index: Number(index) }
  if (each !== undefined) return { kind: 'each' }
  try {
    return { kind: 'name', name: JSON.parse(quoted as string) as string }
  } catch {
    return null
  }
}
