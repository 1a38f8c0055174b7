/** The nesting depth of JSON text. PURE. */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Counts nesting on the text, before anything recursive sees it. Text that is not JSON may answer either way. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === BACKSLASH) i++
      else if (char === QUOTE) inString = false
    } else if (char === QUOTE) {
      inString = true
    } else if (char === 0x7b || char === 0x5b) {
      depth++
      if (depth > limit) return true
    } else if (char === 0x7d || char === 0x5d) {
      depth--
    }
  }
  return false
}
