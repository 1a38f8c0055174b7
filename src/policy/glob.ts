/** Patterns in which `*` stands for any text, also for none: compared in time linear in text and pattern. */

/** Tells whether the whole text matches the pattern. */
export type Glob = (text: string) => boolean

/** Compiles a pattern. Every character but `*` stands for itself. */
export function compileGlob(pattern: string): Glob {
  return compileParts(pattern.split('*'))
}

/** Compiles what stands before, between and after the `*` of a pattern. Every character of a part stands for itself. */
export function compileParts([first = '', ...rest]: readonly string[]): Glob {
  const last = rest.pop()
  if (last === undefined) return (text) => text === first
  const finds = rest.filter((part) => part !== '').map(finderOf)
  return (text) => {
    // The beginning and the end must not overlap.
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false
    const end = text.length - last.length
    let at = first.length
    // The first place is as good as any: what follows has the more room.
    for (const find of finds) {
      at = find(text, at, end)
      if (at < 0) return false
    }
    return true
  }
}

/** Finds a part in the text between two places, and says where it ends; -1 where it is not there. */
type Finder = (text: string, from: number, end: number) => number

/** Knuth, Morris and Pratt: no character of the text is looked at twice for one of the part. */
function finderOf(part: string): Finder {
  const borders = bordersOf(part)
  return (text, from, end) => {
    let matched = 0
    for (let at = from; at < end; at++) {
      while (matched > 0 && text[at] !== part[matched]) matched = borders[matched - 1] as number
      if (text[at] === part[matched]) matched += 1
      if (matched === part.length) return at + 1
    }
    return -1
  }
}

/** For each beginning of the part, how long the longest shorter beginning is that it also ends with. */
function bordersOf(part: string): readonly number[] {
  const borders = [0]
  for (let at = 1; at < part.length; at++) {
    let length = borders[at - 1] as number
    while (length > 0 && part[at] !== part[length]) length = borders[length - 1] as number
    borders.push(part[at] === part[length] ? length + 1 : 0)
  }
  return borders
}
