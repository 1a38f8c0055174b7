/**
 * JSON read letter by letter, for tests that must know what a text says. The engine's own parser cannot be their measure: that of
 * Node 24 to 26 takes an escaped name for another name, after it has parsed certain other texts (findings/escaped-member-names.sh).
 */

/** The value of a text that is JSON, with members in order; of a name that is there twice, the last. */
export function readJson(text: string): unknown {
  let at = 0
  const take = (pattern: RegExp): string => {
    const sticky = new RegExp(pattern, 'y')
    sticky.lastIndex = at
    const [found] = sticky.exec(text) ?? []
    if (found === undefined)
      throw new SyntaxError(`found ${JSON.stringify(text.slice(at, at + 20))} at ${at}`)
    at = sticky.lastIndex
    return found
  }
  const skip = () => void take(/[ \t\r\n]*/)
  const isNext = (char: string) => {
    skip()
    if (text[at] !== char) return false
    at += 1
    return true
  }
  // A string by itself is nobody's name, and is read right.
  const string = () => JSON.parse(take(/"(?:[^"\\]|\\.)*"/)) as string
  const value = (): unknown => {
    if (isNext('{')) return members()
    if (isNext('[')) return elements()
    if (text[at] === '"') return string()
    return JSON.parse(take(/true|false|null|-?[0-9][0-9.eE+-]*/))
  }
  const members = (): unknown => {
    const object = {}
    if (isNext('}')) return object
    do {
      skip()
      const name = string()
      if (!isNext(':')) throw new SyntaxError(`found no colon at ${at}`)
      const member = { value: value(), enumerable: true, configurable: true, writable: true }
      Object.defineProperty(object, name, member)
    } while (isNext(','))
    take(/\}/)
    return object
  }
  const elements = (): unknown => {
    const list: unknown[] = []
    if (isNext(']')) return list
    do list.push(value())
    while (isNext(','))
    take(/\]/)
    return list
  }
  const read = value()
  skip()
  if (at < text.length) throw new SyntaxError(`found more behind the value, at ${at}`)
  return read
}
