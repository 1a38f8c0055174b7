/**
 * Which entry of `resources` or `prompts` speaks of what is read. A key is `*`, or a server and a pattern of its own
 * names: `files+file:///docs/*`, `notes__draft_*`, and `*+…` or `*__…` for whatever server.
 *
 * The policy judges the very text that is sent: nothing is decoded, resolved or folded first. Servers do that, each in its
 * own way, so a URI that would fall under another entry in its normal form is refused (`isAmbiguous`).
 */
import { compileGlob, compileParts, type Glob } from './glob.ts'
import type { Reading, ReadingEntry, ReadingPattern, ReadKind, ToolRules } from './model.ts'
import { compared, hasUnseen, locatedForms, parsedUrl } from './uri.ts'

/** Between a server and a name of its own, as in the lists of `/mcp`: names/tools.ts. */
const between: Readonly<Record<ReadKind, string>> = { resource: '+', prompt: '__' }

/** A server's name, or `*` for any. */
const SERVER = /^(?:\*|[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?)$/

/** A key, taken apart. */
export interface ReadKey {
  /** Null: any. */
  readonly server: string | null
  readonly pattern: string
}

/** Takes a key apart; null for one that names no server. */
export function readKey(kind: ReadKind, key: string): ReadKey | null {
  if (key === '*') return { server: null, pattern: '*' }
  const at = key.indexOf(between[kind])
  if (at < 0) return null
  const server = key.slice(0, at)
  const pattern = key.slice(at + between[kind].length)
  return SERVER.test(server) && pattern !== '' ? { server: server === '*' ? null : server, pattern } : null
}

/** Names the thing that is read as a key would: `files+file:///docs/a`, `notes__draft_1`. */
export function readName(kind: ReadKind, server: string, own: string): string {
  return `${server}${between[kind]}${own}`
}

/** Compiles the entries of a section. */
export function compileReading(kind: ReadKind, entries: readonly ReadingEntry[], others: ToolRules): Reading {
  const patterns = entries.map((entry) => {
    const { server, pattern } = readKey(kind, entry.key) ?? { server: null, pattern: '*' }
    const decodedGlob = kind === 'resource' ? compileDecoded(pattern) : null
    return { entry, server, glob: compileGlob(pattern), decodedGlob, weight: literals(entry.key) }
  })
  // The one that says most of what it means comes first; of two that say as much, the first by code units.
  patterns.sort((a, b) => b.weight - a.weight || (a.entry.key < b.entry.key ? -1 : 1))
  return { kind, patterns, others }
}

/**
 * Compiles a pattern for URIs whose percent-encoding was read: keys are written as servers list URIs, encoded. Where the pattern has
 * enough of a URL for a parser to treat it as it treats the URLs it stands for, the parser's form counts, too.
 */
function compileDecoded(pattern: string): Glob {
  const isUrl = /^(?:file:\/(?:\/\/)?(?!\/)|[a-z][a-z0-9+.-]*:\/\/[^/?#*]+\/)/i.test(pattern)
  const parsed = (isUrl ? parsedUrl(pattern) : null) ?? pattern
  const [asWritten, asParsed] = [pattern, parsed].map((text) => compileParts(text.split('*').map(compared)))
  return parsed === pattern ? (asWritten as Glob) : (text) => asWritten?.(text) || asParsed?.(text) || false
}

/** Counts the characters of a key that are no wildcard. */
function literals(key: string): number {
  return key.replaceAll('*', '').length
}

/** The entry that speaks of it, or null for none. */
export function entryFor(reading: Reading, name: string): ReadingEntry | null {
  return entryBy(reading, name, ({ glob }) => glob)
}

function entryBy(
  { kind, patterns }: Reading,
  name: string,
  globOf: (pattern: ReadingPattern) => Glob | null,
): ReadingEntry | null {
  const at = name.indexOf(between[kind])
  if (at < 0) return null
  const server = name.slice(0, at)
  const own = name.slice(at + between[kind].length)
  for (const it of patterns) {
    if ((it.server === null || it.server === server) && globOf(it)?.(own)) return it.entry
  }
  return null
}

/**
 * Tells whether a URI is, to some server that normalises it, one that another entry speaks of. A key that names a URI in full means
 * that one, as it is written.
 */
export function isAmbiguous(reading: Reading, name: string, found: ReadingEntry | null): boolean {
  if (reading.kind !== 'resource' || found?.key.includes('*') === false) return false
  const at = name.indexOf(between.resource) + 1
  const [server, uri] = [name.slice(0, at), name.slice(at)]
  if (hasUnseen(uri)) return true
  const { plain, decoded, isCut } = locatedForms(uri)
  if (isCut) return true
  if (plain.some((form) => entryFor(reading, `${server}${form}`) !== found)) return true
  return decoded.some((form) => {
    const asKeysAre = entryFor(reading, `${server}${form}`)
    if (asKeysAre !== null && asKeysAre !== found) return true
    return entryBy(reading, `${server}${form}`, ({ decodedGlob }) => decodedGlob) !== found
  })
}
