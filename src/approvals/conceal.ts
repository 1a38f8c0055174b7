/**
 * Takes out of a call what nobody is to be shown. PURE.
 *
 * A path that cannot be followed conceals the value at which it stops: an agent that sends `card` as a text, or as a list,
 * must not be able to show what a path to `card.number` conceals.
 */
import { isObject, type JsonType, jsonType } from '../base/json.ts'
import { type ConcealedPath, formatPath, type Step } from '../policy/path.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Stands in the place of a concealed value. It shows the value's type, but not its content or length. */
class Marker {
  readonly #type: JsonType

  constructor(type: JsonType) {
    this.#type = type
  }

  toJSON(): string {
    return markerFor(this.#type)
  }
}

/** The text that stands in the place of a concealed value of this type. The type of null would be its value. */
export function markerFor(type: JsonType): string {
  return type === 'null' ? '(concealed)' : `(concealed ${type})`
}

/** A call without what is concealed in it. Markers become texts where it is written as JSON. */
export interface Concealed {
  readonly args: JsonObject
  readonly meta: JsonObject | null
  /** The places of markers, as paths; `[*]` stands for any element. */
  readonly places: readonly string[]
}

export function conceal(
  { args, meta }: { readonly args: JsonObject; readonly meta: JsonObject | null },
  paths: readonly ConcealedPath[],
): Concealed {
  const below: Record<ConcealedPath['root'], JsonObject | null> = { args, _meta: meta }
  const places = new Set<string>()
  for (const { root, steps } of paths) {
    const whole = below[root]
    if (whole === null) continue
    const met = (depth: number) => places.add(formatPath({ root, steps: steps.slice(0, depth) }))
    below[root] = steps.length === 0 ? concealAll(whole, met) : (without(whole, steps, 0, met) as JsonObject)
  }
  return { args: below.args ?? {}, meta: below._meta, places: [...places] }
}

/** Its names stay, as in the audit trail. */
function concealAll(whole: JsonObject, met: (depth: number) => void): JsonObject {
  const entries = Object.entries(whole)
  if (entries.length > 0) met(0)
  return Object.fromEntries(entries.map(([name, value]) => [name, markerOf(value)]))
}

/** @param met is called with the number of steps that lead to a marker */
function without(value: unknown, steps: readonly Step[], at: number, met: (depth: number) => void): unknown {
  if (value instanceof Marker) return value
  const step = steps[at]
  const concealed = () => {
    met(at)
    return markerOf(value)
  }
  if (step === undefined) return concealed()
  // JSON null stands for "no value": beyond it there is nothing.
  if (value === null) return value
  const inner = (it: unknown) => without(it, steps, at + 1, met)
  if (step.kind === 'name') {
    if (!isObject(value)) return concealed()
    if (!Object.hasOwn(value, step.name)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, it]) => [name, name === step.name ? inner(it) : it]),
    )
  }
  if (!Array.isArray(value)) return concealed()
  if (step.kind === 'each') return value.map(inner)
  return step.index < value.length ? value.map((it, i) => (i === step.index ? inner(it) : it)) : value
}

function markerOf(value: unknown): Marker {
  return value instanceof Marker ? value : new Marker(jsonType(value))
}
