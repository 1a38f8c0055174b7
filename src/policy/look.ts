/** Reads what a path names from a call and its surroundings. */
import { isObject } from '../base/json.ts'
import type { Look } from './model.ts'
import type { Fact, Path, Step } from './path.ts'

/** Nothing is there: a name that an object does not have, an index beyond an array's end, no account. */
export const MISSING: unique symbol = Symbol('missing')
/** Something is there that the path cannot go through: a name asked of a string, an index of an object. */
export const UNFIT: unique symbol = Symbol('unfit')

/** The values that `[*]` found: one for every element. */
export class Each {
  readonly values: readonly unknown[]
  constructor(values: readonly unknown[]) {
    this.values = values
  }
}

/** Compiles a path. */
export function lookFor(path: Path): Look {
  if (path.root === 'fact') return lookForFact(path.fact)
  if (path.root === 'settled') {
    const { name } = path
    return ({ completion }) => {
      const context = completion?.context ?? {}
      return Object.hasOwn(context, name) ? context[name] : MISSING
    }
  }
  if (path.root === 'time') {
    const { clock, part } = path
    return (_, { nowMs }) => clock(nowMs)[part]
  }
  const { steps } = path
  const [first] = steps
  // By far the most paths are one name.
  if (steps.length === 1 && first?.kind === 'name') {
    const { name } = first
    return ({ args }) => (Object.hasOwn(args, name) ? args[name] : MISSING)
  }
  return ({ args }) => walk(args, steps, 0)
}

function walk(value: unknown, steps: readonly Step[], from: number): unknown {
  let here = value
  for (let i = from; i < steps.length; i++) {
    const step = steps[i] as Step
    // JSON null stands for "no value": beyond it there is nothing, as if it were not there.
    if (here === null) return MISSING
    if (step.kind === 'each') {
      return Array.isArray(here) ? new Each(here.map((item) => walk(item, steps, i + 1))) : UNFIT
    }
    here = step.kind === 'name' ? member(here, step.name) : element(here, step.index)
    if (here === MISSING || here === UNFIT) return here
  }
  return here
}

function member(value: unknown, name: string): unknown {
  if (!isObject(value)) return UNFIT
  return Object.hasOwn(value, name) ? value[name] : MISSING
}

function element(value: unknown, index: number): unknown {
  if (!Array.isArray(value)) return UNFIT
  return index < value.length ? value[index] : MISSING
}

/** The defaults of a tool's missing annotations: MCP 2025-11-25, ToolAnnotations. */
const annotationDefaults: Readonly<Record<string, unknown>> = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
}

function lookForFact(fact: Exclude<Fact, 'time.hour' | 'time.weekday'>): Look {
  if (fact === 'session.account') return (_, { account }) => account ?? MISSING
  if (fact === 'grant.label') return (_, { label }) => label
  if (fact === 'completion.ref') return ({ completion }) => completion?.ref ?? MISSING
  if (fact === 'completion.argument.name') return ({ completion }) => completion?.argument.name ?? MISSING
  if (fact === 'completion.argument.value') return ({ completion }) => completion?.argument.value ?? MISSING
  const name = fact.slice('tool.annotations.'.length)
  return ({ annotations }) => annotations?.[name] ?? annotationDefaults[name] ?? MISSING
}
