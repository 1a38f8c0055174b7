/** JSON values: their types, their equality, and whether something is one at all. */
import { isLiteral } from './exact-json.ts'

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'

/** Deeper documents are refused: nothing a person writes comes near, and recursion stays bounded. */
export const DEEPEST = 64

export function jsonType(value: unknown): JsonType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as JsonType
}

/** A number that is kept as it was written (exact-json.ts) is none. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLiteral(value)
}

/** Equal as JSON: same type, same content, whatever the order of an object's names. `1` never equals `"1"`. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]))
  }
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

/** Finds the place where a value stops being JSON, and the reason. Null where all of it is JSON and nowhere too deep. */
export function notJson(value: unknown): { path: (string | number)[]; found: string } | null {
  return look(value, [])
}

function look(
  value: unknown,
  path: (string | number)[],
): { path: (string | number)[]; found: string } | null {
  if (path.length > DEEPEST) return { path, found: `more than ${DEEPEST} levels` }
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return null
    case 'number':
      return Number.isFinite(value) ? null : { path, found: String(value) }
    case 'object':
      return value === null ? null : lookInside(value, path)
    default:
      return { path, found: value === undefined ? 'nothing' : `a ${typeof value}` }
  }
}

function lookInside(value: object, path: (string | number)[]) {
  if (Array.isArray(value)) {
    // By index: a hole in an array is not JSON, and iteration methods skip it.
    for (let i = 0; i < value.length; i++) {
      const wrong = look(value[i], [...path, i])
      if (wrong !== null) return wrong
    }
    return null
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return { path, found: 'an object of a class' }
  }
  for (const [name, inner] of Object.entries(value)) {
    // Names that JavaScript reads as instructions would vanish silently on the way: refused instead.
    if (name === '__proto__') return { path: [...path, name], found: 'the name "__proto__"' }
    const wrong = look(inner, [...path, name])
    if (wrong !== null) return wrong
  }
  return null
}
