/**
 * JSON whose numbers keep their digits. JavaScript knows `1.0` as 1 and 9007199254740993 as another number; whoever
 * passes on what somebody else said must not. A number that JavaScript would write in another way is read as its literal, an
 * object that `JSON.stringify` writes as it was (TC39, JSON.parse source text access). PURE.
 *
 * The literals are found by a reader of our own. A reviver of `JSON.parse` is given the source of each number, too, but not
 * always: V8 leaves it out now and then, for the same text that it had it for before, and nothing can be made of that.
 */

/** A number as it was written. */
export interface NumberLiteral {
  readonly rawJSON: string
}

/** The parts of JSON that TypeScript does not declare yet. */
interface SourceAccess {
  rawJSON(text: string): NumberLiteral
  isRawJSON(value: unknown): value is NumberLiteral
}

const source = JSON as unknown as SourceAccess

/** A pattern without which a text has no number that would be written in another way. It may match inside strings. */
const SUSPECT = /[0-9]{16}|[0-9][.eE]|-0/
const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const DOT = 0x2e
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LETTER_T = 0x74
const LETTER_F = 0x66
const LETTER_N = 0x6e
/** Integers of fewer digits are written as they are. */
const SAFE_DIGITS = 16

/** Parses JSON; numbers that would be written in another way become literals. Throws as `JSON.parse` does. */
export function parseExact(text: string): unknown {
  // First by the engine: it refuses what is no JSON, in its own words, so what is read here is known to be some.
  const value: unknown = JSON.parse(text)
  return hasOddNumber(text) ? readExact(text) : value
}

/** An array or an object that is being read. */
interface Open {
  readonly holder: unknown[] | Record<string, unknown>
  /** In an object: the name that the next value belongs to. */
  name: string
}

/** Reads a text that is JSON. Without recursion, so that no text is too deep for it. */
function readExact(text: string): unknown {
  const open: Open[] = []
  let root: unknown
  let isName = false
  const put = (value: unknown) => {
    const inner = open.at(-1)
    if (inner === undefined) root = value
    else if (Array.isArray(inner.holder)) inner.holder.push(value)
    else setMember(inner.holder, inner.name, value)
  }
  for (let at = 0; at < text.length; ) {
    const char = text.charCodeAt(at)
    let end = at + 1
    switch (char) {
      case QUOTE: {
        end = behindString(text, at)
        const string = JSON.parse(text.slice(at, end)) as string
        const inner = open.at(-1)
        if (isName && inner !== undefined) inner.name = string
        else put(string)
        isName = false
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const holder = char === OPEN_BRACE ? {} : []
        put(holder)
        open.push({ holder, name: '' })
        isName = char === OPEN_BRACE
        break
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop()
        isName = false
        break
      case COMMA:
        isName = !Array.isArray(open.at(-1)?.holder)
        break
      case LETTER_T:
        end = at + 4
        put(true)
        break
      case LETTER_F:
        end = at + 5
        put(false)
        break
      case LETTER_N:
        end = at + 4
        put(null)
        break
      default:
        if (char !== MINUS && !isDigit(char)) break
        end = behindNumber(text, at)
        put(numberFrom(text.slice(at, end)))
    }
    at = end
  }
  return root
}

function numberFrom(literal: string): number | NumberLiteral {
  const value = Number(literal)
  return isPlain(literal, value) ? value : source.rawJSON(literal)
}

/** Sets a member as `JSON.parse` does: `__proto__` is a name like any other. */
function setMember(holder: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') holder[name] = value
  else Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true })
}

/** Tells whether a value is a number that `parseExact` has kept as it was written. */
export function isLiteral(value: unknown): value is NumberLiteral {
  return typeof value === 'object' && value !== null && source.isRawJSON(value)
}

/** The number that a literal stands for, as JavaScript knows it; any other value as it is. */
export function numberOf(value: unknown): unknown {
  return isLiteral(value) ? Number(value.rawJSON) : value
}

/** Tells whether a JSON text has a number that `JSON.stringify` would write in another way. Text that is not JSON may answer either way. */
export function hasOddNumber(text: string): boolean {
  if (!SUSPECT.test(text)) return false
  for (let at = 0; at < text.length; ) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = behindString(text, at)
    else if (char === MINUS || isDigit(char)) {
      const end = behindNumber(text, at)
      if (isOdd(text, at, end)) return true
      at = end
    } else at += 1
  }
  return false
}

/** Most numbers are short integers, which are told without being cut out. */
function isOdd(text: string, start: number, end: number): boolean {
  let isInteger = true
  for (let at = start + 1; at < end && isInteger; at++) isInteger = isDigit(text.charCodeAt(at))
  if (isInteger && end - start < SAFE_DIGITS && text.charCodeAt(start) !== MINUS) return false
  const literal = text.slice(start, end)
  return !isPlain(literal, Number(literal))
}

/** Tells whether `JSON.stringify` writes a number as it was written. */
function isPlain(literal: string, value: number): boolean {
  return String(value) === literal
}

function isDigit(char: number): boolean {
  return char >= ZERO && char <= NINE
}

function behindNumber(text: string, start: number): number {
  let at = start + 1
  for (let char = text.charCodeAt(at); isInNumber(char); char = text.charCodeAt(at)) at += 1
  return at
}

/** A digit, a sign, a point or the E of an exponent. */
function isInNumber(char: number): boolean {
  return isDigit(char) || char === DOT || char === MINUS || char === 0x2b || char === 0x65 || char === 0x45
}

/** The place behind the string that begins at a quotation mark. */
export function behindString(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1)
  while (end >= 0) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return end + 1
    end = text.indexOf('"', end + 1)
  }
  return text.length
}
