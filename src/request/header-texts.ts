/**
 * The headers of a request as texts, read in one go: all of them are looked at anyway, and to ask the runtime again for each one that
 * matters costs more than to keep them. PURE.
 */

export type HeaderTexts = Pick<Headers, 'get'>

/** Headers that have been read, and their size. */
export interface ReadHeaders extends HeaderTexts {
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
  return { size, get: (name) => texts.get(name) ?? null }
}
