/**
 * Shapes that a value of a stranger must have, and what is mended of it without changing what it says. PURE; nothing
 * here recurses into what a shape does not name.
 */
import { numberOf } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import { describeProblem, describeValue, pointer } from '../policy/problem.ts'

/** A place in a value. */
export type Path = readonly (string | number)[]

/** Gives the value back, itself or mended; throws Misfit. */
export type Fit = (value: unknown, path: Path) => unknown

/** A value does not have its shape. */
export class Misfit extends Error {
  override readonly name = 'Misfit'

  constructor(path: Path, value: unknown, allowed: string) {
    super(describeProblem({ pointer: pointer(...path), found: describeValue(value), allowed }))
  }
}

export const text: Fit = (value, path) => {
  if (typeof value !== 'string') throw new Misfit(path, value, 'a string')
  return value
}

export const someText: Fit = (value, path) => {
  if (typeof value !== 'string' || value === '') throw new Misfit(path, value, 'a string that is not empty')
  return value
}

export const flag: Fit = (value, path) => {
  if (typeof value !== 'boolean') throw new Misfit(path, value, 'a boolean')
  return value
}

export const anyObject: Fit = (value, path) => {
  if (!isObject(value)) throw new Misfit(path, value, 'an object')
  return value
}

export function number(least: number, most: number): Fit {
  return (value, path) => {
    const plain = numberOf(value)
    // JSON has numbers beyond all that JavaScript has: whoever reads them finds them infinite, and no number at all.
    if (typeof plain === 'number' && Number.isFinite(plain) && plain >= least && plain <= most) return value
    const range = Number.isFinite(most) ? `a number from ${least} to ${most}` : 'a number'
    throw new Misfit(path, plain, range)
  }
}

export function oneOf(...allowed: readonly string[]): Fit {
  return (value, path) => {
    if (allowed.some((one) => one === value)) return value
    throw new Misfit(path, value, allowed.join(', '))
  }
}

/** A list, each of whose values has the shape. */
export function list(shape: Fit): Fit {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Misfit(path, value, 'an array')
    const fitted = value.map((item, index) => shape(item, [...path, index]))
    return fitted.every((item, index) => item === value[index]) ? value : fitted
  }
}

/**
 * An object with these members, and any others. A member that is null counts as absent and is left out; one that is
 * `needed` must be there.
 */
export function members(fits: Readonly<Record<string, Fit>>, ...needed: readonly string[]): Fit {
  const entries = Object.entries(fits)
  return (value, path) => {
    if (!isObject(value)) throw new Misfit(path, value, 'an object')
    for (const name of needed) {
      const given = Object.hasOwn(value, name) ? value[name] : undefined
      if (given === undefined || given === null) throw new Misfit([...path, name], given, 'a value')
    }
    let mended: Record<string, unknown> | null = null
    for (const [name, shape] of entries) {
      if (!Object.hasOwn(value, name)) continue
      const given = value[name]
      const fitted = given === null ? undefined : shape(given, [...path, name])
      if (fitted === given) continue
      mended ??= { ...value }
      if (fitted === undefined) delete mended[name]
      else mended[name] = fitted
    }
    return mended ?? value
  }
}
