/**
 * Regular expressions in RE2's syntax: linear time on whatever text an agent sends. No look-around and no
 * back-references, which is what makes that possible.
 */
import { RE2JS } from '@bufbuild/re2'

/** Longer text is not searched: the condition cannot be evaluated, and the call is denied. In UTF-16 units. */
export const LONGEST_INPUT = 10_000

/** Time grows with pattern times input, so the pattern is bounded, too. */
export const LONGEST_PATTERN = 1_000

export interface Pattern {
  /** Tells whether it matches anywhere in `text`; null where the text is too long to say. */
  readonly test: (text: string) => boolean | null
}

/** Compiles a pattern, or says what is wrong with it. */
export function compilePattern(source: string): Pattern | { readonly error: string } {
  if (source.length > LONGEST_PATTERN) return { error: `more than ${LONGEST_PATTERN} characters` }
  try {
    const compiled = new RE2JS(source)
    return { test: (text) => (text.length > LONGEST_INPUT ? null : compiled.test(text)) }
  } catch (error) {
    // The engine's own words name the part of the pattern that it stumbled over.
    return { error: String((error as Error).message).replace(/^error parsing regexp: /, '') }
  }
}
