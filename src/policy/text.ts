/**
 * Policy text, JSON or YAML 1.2 (of which JSON is a part), as a value with the place of everything in it.
 * Values come out as JSON: custom tags, keys that are no strings, duplicate keys and numbers that cannot be kept
 * exactly are refused, and so is text whose aliases multiply it.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml'
import { DEEPEST } from '../base/json.ts'
import { compareDecimals, parseDecimal } from './decimal.ts'
import { describeValue, type Position, type Problem, pointer } from './problem.ts'

/** In characters; ten thousand tools with a limit each have fewer. The parser takes some seconds for as much at its worst. */
export const LONGEST_TEXT = 1024 * 1024

/** Nodes that aliases may repeat in all: "billion laughs" ends here. */
const MOST_REPEATED = 10_000

/** The most warnings about tags without a meaning here; each is a mistake of its own. */
const MOST_WARNINGS = 10

export interface ReadText {
  /** The value of the text; of no use when there are problems. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Returns the position of a pointer, or of the nearest thing around it. */
  readonly locate: (at: string, onName: boolean) => Position
}

interface Place {
  readonly name: number
  readonly value: number
}

/** Reads text, or UTF-8 bytes. Never throws. */
export function readText(source: string | Uint8Array): ReadText {
  let found = 'bytes that are not UTF-8'
  try {
    const text =
      typeof source === 'string'
        ? source
        : new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(source)
    found = 'text that cannot be parsed'
    return text.length <= LONGEST_TEXT
      ? new Reader(text).read()
      : unreadable(`${text.length} characters`, `at most ${LONGEST_TEXT} characters`)
  } catch {
    return unreadable(found, 'JSON or YAML 1.2, in UTF-8')
  }
}

function unreadable(found: string, allowed: string): ReadText {
  return {
    value: null,
    problems: [{ pointer: '', found, allowed }],
    locate: () => ({ line: 1, column: 1 }),
  }
}

class Reader {
  readonly #lines = new LineCounter()
  readonly #places = new Map<string, Place>()
  readonly #problems: Problem[] = []
  readonly #anchors = new Map<string, Node>()
  readonly #document
  #repeated = 0

  constructor(text: string) {
    this.#document = parseDocument(withoutTabs(text), {
      schema: 'core',
      version: '1.2',
      // Checked here: the parser compares every name of a map with every other.
      uniqueKeys: false,
      stringKeys: true,
      merge: false,
      prettyErrors: false,
      // Told to be silent, the parser would also be silent about a second document.
      logLevel: 'error',
      lineCounter: this.#lines,
    })
  }

  read(): ReadText {
    // A tag that means nothing here is only a warning to the parser. To us it is text that says more than we read.
    const { errors, warnings, directives } = this.#document
    const version = directives?.yaml.version
    // Under YAML 1.1 `no` is false and 010 is eight.
    if (version !== '1.2') {
      const place = { line: 1, column: 1 }
      this.#problems.push({ pointer: '', found: `YAML ${version}`, allowed: 'JSON or YAML 1.2', ...place })
    }
    // The parser recurses: text that is nested too deeply it leaves half read, with an error for every level.
    const isTooDeep = errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION')
    if (isTooDeep) this.#refuse([], null, 'text nested without end', `at most ${DEEPEST} levels`)
    // Errors behind the parser's first are mostly about the state that the first has left: the same mistake again.
    const said = errors.length > 0 ? errors.slice(0, 1) : warnings.slice(0, MOST_WARNINGS)
    for (const { message, pos } of isTooDeep ? [] : said) {
      this.#problems.push({
        pointer: '',
        found: message,
        allowed: 'JSON or YAML 1.2',
        ...this.#position(pos[0]),
      })
    }
    const value = this.#problems.length > 0 ? null : this.#value(this.#document.contents, [], false)
    return {
      value,
      problems: this.#problems,
      locate: (at, onName) => this.#locate(at, onName),
    }
  }

  #value(node: Node | null, path: readonly (string | number)[], isRepeated: boolean): unknown {
    if (isRepeated) this.#repeated += 1
    if (path.length > DEEPEST) {
      return this.#refuse(path, node, `more than ${DEEPEST} levels`, `at most ${DEEPEST} levels`)
    }
    if (isAlias(node)) return this.#aliased(node, path)
    // Anchors are known once they have been passed, and a later one of the same name takes its place. (The parser
    // would look for each from the beginning of the text.)
    if (!isRepeated && node?.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isMap(node)) {
      const object: Record<string, unknown> = {}
      for (const { key, value } of node.items) {
        const name = (key as Scalar<string>).value
        const inner = [...path, name]
        if (Object.hasOwn(object, name)) {
          this.#refuse(inner, key as Node, `the name ${describeValue(name)} again`, 'each name once')
          continue
        }
        if (name === '<<') {
          this.#refuse(inner, key as Node, 'a merge key', 'no merging: write out what is meant')
          continue
        }
        this.#place(inner, key as Node, (value as Node | null) ?? (key as Node))
        // Defined, not assigned: "__proto__" is a name like any other here, to be refused by name later.
        Object.defineProperty(object, name, {
          value: this.#value(value as Node | null, inner, isRepeated),
          enumerable: true,
        })
      }
      return object
    }
    if (isSeq(node)) {
      return node.items.map((item, i) => {
        const inner = [...path, i]
        this.#place(inner, item as Node, item as Node)
        return this.#value(item as Node, inner, isRepeated)
      })
    }
    if (isScalar(node)) return this.#scalar(node, path)
    // Members of an ordered map, which the parser knows and JSON does not.
    return node === null ? null : this.#refuse(path, null, 'a pair in a list', 'a JSON value')
  }

  #aliased(node: Alias, path: readonly (string | number)[]): unknown {
    if (this.#repeated > MOST_REPEATED) return null
    const target = this.#anchors.get(node.source)
    if (target === undefined) {
      return this.#refuse(
        path,
        node,
        `the alias *${node.source}`,
        'an alias of an anchor that stands before it',
      )
    }
    const value = this.#value(target, path, true)
    if (this.#repeated <= MOST_REPEATED || this.#problems.length > 0) return value
    return this.#refuse(
      path,
      node,
      'aliases that repeat too much',
      `at most ${MOST_REPEATED} repeated values`,
    )
  }

  #scalar(node: Scalar, path: readonly (string | number)[]): unknown {
    const { value, source } = node
    if (typeof value !== 'number' || !Number.isFinite(value)) return value
    if (/^[-+]?0\d/.test(String(source))) {
      // Ten to one reader, eight to another.
      return this.#refuse(path, node, `the number ${source}`, 'a number without leading zeros')
    }
    const written = parseDecimal(source)
    const kept = parseDecimal(value)
    const isExact =
      written === null || kept === null ? Number.isSafeInteger(value) : compareDecimals(written, kept) === 0
    if (isExact) return value
    return this.#refuse(
      path,
      node,
      `the number ${source}`,
      'a number that can be kept exactly; put it in quotes',
    )
  }

  #refuse(path: readonly (string | number)[], node: Node | null, found: string, allowed: string): null {
    const place = this.#position(node?.range?.[0] ?? 0)
    this.#problems.push({ pointer: pointer(...path), found, allowed, ...place })
    return null
  }

  #place(path: readonly (string | number)[], name: Node, value: Node): void {
    this.#places.set(pointer(...path), { name: name.range?.[0] ?? 0, value: value.range?.[0] ?? 0 })
  }

  #locate(at: string, onName: boolean): Position {
    let place = this.#places.get(at)
    let offset = onName ? place?.name : place?.value
    for (let outer = at; place === undefined && outer !== ''; ) {
      outer = outer.slice(0, outer.lastIndexOf('/'))
      place = this.#places.get(outer)
      // Something is missing in here: the name of what it is missing from says more than where that begins.
      offset = place?.name
    }
    return this.#position(offset ?? this.#document.contents?.range?.[0] ?? 0)
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

/** JSON may be indented with tabs, which YAML does not allow. In valid JSON a tab is never part of a string. */
function withoutTabs(text: string): string {
  if (!/^\s*[{[]/.test(text) || !text.includes('\t')) return text
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  return text.replaceAll('\t', ' ')
}
