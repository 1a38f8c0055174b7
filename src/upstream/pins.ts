/** The pinned part of an upstream's tools, and its differences to the present one. PURE: the caller makes the digest of a pin. */
import { canonicalJson } from '../base/canonical-json.ts'
import { isLiteral } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import { pointer } from '../policy/problem.ts'

/** The members that a model or a client goes by. The rest of a tool (icons, `_meta`) may change without notice. */
const pinnedFields = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

const MOST_DIFFERENCES = 20
const LONGEST_EXCERPT = 200
/** Shown of what is the same, so that a reader finds the place. */
const LEAD = 40
/** Below this, what differs is shown as a whole: a pointer grows with the depth. */
const DEEPEST_DIFFERENCE = 32

/** One place in which two versions of a tool differ. A value that is undefined is not there. */
export interface ToolDifference {
  /** JSON Pointer into the tool. */
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** The part of a tool that is pinned; what is no tool has no fields. */
export function pinnedPart(tool: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(tool)) return {}
  return Object.fromEntries(
    pinnedFields.filter((field) => tool[field] !== undefined).map((field) => [field, tool[field]]),
  )
}

/** One line of JSON that is the same for two tools exactly if a model or a client could not tell them apart. */
export function toolText(tool: unknown): string {
  return canonicalJson(pinnedPart(tool))
}

/** Returns the text of a whole listing, for its digest: the order counts, since a model sees it. */
export function listingText(tools: readonly unknown[]): string {
  return tools.map(toolText).join('\n')
}

/** Finds the differences between two versions of a tool, leaf by leaf, in the order of the fields' names: at most 20 entries. */
export function diffTools(before: unknown, after: unknown): readonly ToolDifference[] {
  const found: ToolDifference[] = []
  let count = 0
  const add = (field: string, before: unknown, after: unknown) => {
    count += 1
    if (found.length < MOST_DIFFERENCES) found.push({ field, ...excerpts(before, after) })
  }
  compare(pinnedPart(before), pinnedPart(after), [], add)
  if (count <= MOST_DIFFERENCES) return found
  const hidden = `${count - MOST_DIFFERENCES + 1} further differences are not shown`
  return [...found.slice(0, -1), { field: '', before: undefined, after: hidden }]
}

type Add = (field: string, before: unknown, after: unknown) => void

function compare(before: unknown, after: unknown, path: readonly (string | number)[], add: Add): void {
  // A value on one side only is taken apart too: a new parameter's description is what a reader wants to see.
  const parts = path.length < DEEPEST_DIFFERENCE ? partsOf(before, after) : null
  if (parts === null) {
    if (textOf(before) !== textOf(after)) add(pointer(...path), before, after)
    return
  }
  for (const part of parts) compare(at(before, part), at(after, part), [...path, part], add)
}

/** The members of both where both have members, or the one that is there has; null where they are leaves. */
function partsOf(before: unknown, after: unknown): readonly (string | number)[] | null {
  const one = before === undefined ? after : before
  const other = after === undefined ? before : after
  if (Array.isArray(one) && Array.isArray(other)) {
    const length = Math.max(one.length, other.length)
    return length === 0 ? null : Array.from({ length }, (_, index) => index)
  }
  if (!isObject(one) || !isObject(other)) return null
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return names.size === 0 ? null : [...names].sort()
}

function at(value: unknown, part: string | number): unknown {
  if (Array.isArray(value)) return value[part as number]
  return isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined
}

function textOf(value: unknown): string {
  return value === undefined ? '' : canonicalJson(value)
}

/** Long text is shown from where it begins to differ. */
function excerpts(before: unknown, after: unknown): { before: unknown; after: unknown } {
  const [old, now] = [displayable(before), displayable(after)]
  if (typeof old !== 'string' || typeof now !== 'string')
    return { before: excerpt(old, 0), after: excerpt(now, 0) }
  let same = 0
  while (same < old.length && same < now.length && old.charCodeAt(same) === now.charCodeAt(same)) same += 1
  const from = Math.max(0, same - LEAD)
  return { before: excerpt(old, from), after: excerpt(now, from) }
}

/** Arrays and objects only get here where they are empty, very deep, or where the other side is something else. */
function displayable(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !isLiteral(value) ? canonicalJson(value) : value
}

function excerpt(value: unknown, from: number): unknown {
  if (typeof value !== 'string' || value.length <= LONGEST_EXCERPT) return value
  const start = Math.min(from, value.length - LONGEST_EXCERPT)
  const end = start + LONGEST_EXCERPT
  const place = `[characters ${start + 1} to ${end} of ${value.length}]`
  return `${start === 0 ? '' : '…'}${value.slice(start, end)}${end === value.length ? '' : '…'} ${place}`
}

export { flagsOf, type ToolFlag } from './flags.ts'
