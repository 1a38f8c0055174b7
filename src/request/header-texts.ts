/**
 * The headers of a request as texts, read in one go: all of them are looked at anyway, and to ask the runtime again for each one that
 * matters costs more than to keep them. PURE.
 */

/** A header by its lower-case name; null or undefined: there is none. */
export interface HeaderTexts {
  get(name: string): string | null | undefined
}

/** Headers that have been read, and their size. */
export interface ReadHeaders {
  readonly texts: ReadonlyMap<string, string>
  /** Characters of all names and values together. */
  readonly size: number
}

/** Reads all headers. Several of one name are one text, as `Headers.get` has it. */
export function readHeaders(headers: Headers): ReadHeaders {
  const texts = new Map<string, string>()
  let size = 0
  headers.forEach((value, name) => {
    texts.set(name, value)
    size += name.length + value.length
  })
  return { texts, size }
}
