/** Looks for many needles, in every form of each, in one pass over the bytes. PURE. */
import { type Form, formsOf } from './forms.ts'
import type { Needle } from './needles.ts'

/** A needle that stands somewhere. */
export interface Hit {
  readonly needle: Needle
  /** The form in which it was found: forms.ts. */
  readonly form: string
}

export interface Searcher {
  /** Every needle that stands in `hay`, once for each form. */
  search(hay: Uint8Array | string): Hit[]
}

const TABLE_BITS = 18

interface Pattern extends Hit {
  readonly bytes: Uint8Array
}

const encoder = new TextEncoder()
/** A needle is looked for again and again. */
const known = new WeakMap<Needle, readonly Form[]>()

function formsOnce(needle: Needle): readonly Form[] {
  const forms = known.get(needle) ?? formsOf(needle)
  known.set(needle, forms)
  return forms
}

/** Gets ready to look for all of them. Every form must have four bytes at least. */
export function searcherOf(needles: readonly Needle[]): Searcher {
  // By their first four bytes; and a table that says for most places at once that nothing begins there.
  const patterns = new Map<number, Pattern[]>()
  const begins = new Uint8Array(1 << TABLE_BITS)
  for (const needle of needles)
    for (const { name, bytes } of formsOnce(needle)) {
      if (bytes.length < 4) throw new Error(`${needle.label}: its form ${name} is too short to be looked for`)
      const start = wordAt(bytes, 0)
      begins[slotOf(start)] = 1
      patterns.set(start, [...(patterns.get(start) ?? []), { needle, form: name, bytes }])
    }
  return {
    search: (hay) => {
      const bytes = typeof hay === 'string' ? encoder.encode(hay) : hay
      const found = new Set<Pattern>()
      for (let i = 0; i + 4 <= bytes.length; i++) {
        const word = wordAt(bytes, i)
        if (begins[slotOf(word)] === 0) continue
        for (const pattern of patterns.get(word) ?? [])
          if (standsAt(bytes, i, pattern.bytes)) found.add(pattern)
      }
      return [...found].map(({ needle, form }) => ({ needle, form }))
    },
  }
}

function wordAt(bytes: Uint8Array, i: number): number {
  return (
    ((bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)) >>>
    0
  )
}

function slotOf(word: number): number {
  return Math.imul(word, 0x9e3779b1) >>> (32 - TABLE_BITS)
}

function standsAt(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  if (at + pattern.length > bytes.length) return false
  for (let i = 4; i < pattern.length; i++) if (bytes[at + i] !== pattern[i]) return false
  return true
}
