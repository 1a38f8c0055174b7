/**
 * Looks in a tool for characters that its reader would not see, and for prompt injection: text that gives orders to the model instead
 * of a description of the tool. A flag is a reason to look, not a verdict: nothing is withheld for it. PURE.
 */
import { unseenIn } from '../base/invisible.ts'
import { isObject } from '../base/json.ts'
import { pointer } from '../policy/problem.ts'
import { promptInjectionIn } from './prompt-injection.ts'

const MOST_FLAGS = 20
const MOST_CODES = 5
const LONGEST_FOUND = 200
/** Below this nothing is looked at: a pointer grows with the depth, and no client shows it. */
const DEEPEST = 64

/** Something in a tool that a person should look at. */
export interface ToolFlag {
  readonly kind: 'invisible_characters' | 'addresses_the_model'
  /** JSON Pointer into the tool; what it points to is a text, or an object with a conspicuous name. */
  readonly where: string
  /** The conspicuous text, in visible characters. */
  readonly found: string
}

/** Finds conspicuous text in a tool's names, titles, descriptions and schemas: at most 20 flags, in the order found. */
export function flagsOf(tool: unknown): readonly ToolFlag[] {
  const flags: ToolFlag[] = []
  if (!isObject(tool)) return flags
  for (const field of ['name', 'title', 'description'] as const) look(tool[field], [field], flags)
  if (isObject(tool.annotations)) look(tool.annotations.title, ['annotations', 'title'], flags)
  for (const field of ['inputSchema', 'outputSchema'] as const)
    lookInside(tool[field], [field], 'schema', flags)
  return flags.slice(0, MOST_FLAGS)
}

/** The way in which a member of a schema is read. Invisible characters are looked for in every one. */
type Part =
  | 'schema'
  /** Schemas by names of their own. */
  | 'schemas'
  /** Written for a reader. */
  | 'text'
  /** A value: read as text where it is a sentence, for every choice and default is shown to the model, too. */
  | 'value'
  /** Read by programs alone: pointers, patterns, names of formats. */
  | 'plumbing'

/** The members of a schema that are read otherwise than a schema is (JSON Schema 2020-12, core and validation). */
const parts: Readonly<Record<string, Part>> = {
  ...partsOf('schemas', ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']),
  ...partsOf('text', ['title', 'description', '$comment']),
  ...partsOf('value', ['const', 'default', 'enum', 'example', 'examples']),
  ...partsOf('plumbing', [
    '$schema',
    '$id',
    'id',
    '$ref',
    '$anchor',
    '$dynamicRef',
    '$dynamicAnchor',
    '$recursiveRef',
  ]),
  ...partsOf('plumbing', ['$vocabulary', 'type', 'format', 'pattern', 'required', 'dependentRequired']),
  ...partsOf('plumbing', ['contentEncoding', 'contentMediaType']),
}

function partsOf(part: Part, names: readonly string[]): Record<string, Part> {
  return Object.fromEntries(names.map((name) => [name, part]))
}

/** Five words, or as much in a script that parts no words: a shorter value is a name. */
const SENTENCE =
  /(?:\p{L}[^\s]{0,40}\s{1,8}){4}\p{L}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]{8}/u

function lookInside(value: unknown, path: readonly string[], part: Part, flags: ToolFlag[]): void {
  if (flags.length >= MOST_FLAGS || path.length > DEEPEST) return
  if (typeof value === 'string') {
    // A word that no schema has may hold a text, or a value.
    const isText = part === 'text' || (part !== 'plumbing' && SENTENCE.test(value))
    if (isText) look(value, path, flags)
    else lookForUnseen(value, path, flags)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const isList = Array.isArray(value)
  for (const [name, member] of Object.entries(value)) {
    const inner = [...path, name]
    if (!isList) lookForUnseen(name, inner, flags)
    lookInside(member, inner, isList ? part : within(part, name), flags)
  }
}

/** Returns how the member `name` of a part is read. */
function within(part: Part, name: string): Part {
  if (part === 'schemas') return 'schema'
  if (part !== 'schema') return part
  return Object.hasOwn(parts, name) ? (parts[name] ?? 'schema') : 'schema'
}

function look(text: unknown, path: readonly (string | number)[], flags: ToolFlag[]): void {
  if (typeof text !== 'string') return
  const visible = lookForUnseen(text, path, flags)
  const found = promptInjectionIn(visible)
  if (found !== null) flags.push({ kind: 'addresses_the_model', where: pointer(...path), found: cut(found) })
}

/** Answers with the text as one sees it. */
function lookForUnseen(text: string, path: readonly (string | number)[], flags: ToolFlag[]): string {
  const unseen = unseenIn(text)
  if (unseen === null) return text
  const { codes, count, smuggled } = unseen
  const named = codes.slice(0, MOST_CODES).join(', ') + (codes.length > MOST_CODES ? ', …' : '')
  const spelt = smuggled === '' ? '' : `, which spell ${JSON.stringify(smuggled)}`
  const found = `${count} ${count === 1 ? 'character' : 'characters'} (${named})${spelt}`
  flags.push({ kind: 'invisible_characters', where: visiblePointer(path), found: cut(found) })
  return unseen.visible
}

/** A name may be what is conspicuous. */
function visiblePointer(path: readonly (string | number)[]): string {
  return pointer(...path.map((part) => (typeof part === 'string' ? (unseenIn(part)?.visible ?? part) : part)))
}

function cut(text: string): string {
  return text.length <= LONGEST_FOUND ? text : `${text.slice(0, LONGEST_FOUND)}…`
}
