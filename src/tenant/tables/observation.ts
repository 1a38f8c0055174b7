/** Observes a listing of an upstream's tools: fingerprints, names, and suspicious texts. */
import { canonicalJson } from '../../base/canonical-json.ts'
import { hasOddNumber, parseExact } from '../../base/exact-json.ts'
import { isObject } from '../../base/json.ts'
import { sha256Hex } from '../../base/sha256.ts'
import type { FlagView, ObservedListing } from '../../contract/tenant.ts'
import { exposures, type LeftOut, LONGEST_TOOL_NAME } from '../../names/tools.ts'
import { judgeTool } from '../../upstream/entries.ts'
import { flagsOf, toolText } from '../../upstream/pins.ts'
import { type Listing, readListing, writeListing } from './listings.ts'
import { compareWithPins, type Examined } from './pins.ts'
import { addSeen, clearSeen, seenDigests } from './seen.ts'
import { isOf, readServer } from './servers.ts'

/** A longer listing is compared with the pins, but not kept for the catalogue. */
const LONGEST_KEPT = 16 * 1024 * 1024
/** The most flags and hidden names in the status. */
const MOST_NOTED = 200
/** In characters: what is renamed travels with every grant's configuration. */
const LONGEST_RENAMED = 256 * 1024
/** In bytes of JSON: names travel with every grant's configuration, and a grant may reach a hundred servers. */
const LONGEST_NAMES = 8 * 1024

/** A listing that has been read and fingerprinted, ready to be compared in one transaction. */
export interface ExaminedListing {
  readonly tools: readonly Examined[]
  readonly flags: readonly FlagView[]
  /** The number of entries with a name. */
  readonly named: number
  /** The names of the tools that may be listed; a name that is listed twice is here twice. */
  readonly names: readonly string[]
  /** Kept from lists for what they are, and why. */
  readonly leftOut: readonly LeftOut[]
}

/** Reads and fingerprints a listing; null for what is no JSON array. Entries that are no tools count as none. */
export async function examine(toolsJson: string): Promise<ExaminedListing | null> {
  let tools: unknown
  try {
    tools = parseExact(toolsJson)
  } catch {
    return null
  }
  if (!Array.isArray(tools)) return null
  const texts = new Map<string, string[]>()
  const flags: FlagView[] = []
  const names: string[] = []
  const leftOut: LeftOut[] = []
  const leave = (name: string, reason: string) => {
    if (leftOut.length < MOST_NOTED) leftOut.push({ name, reason })
  }
  let named = 0
  for (const [index, tool] of tools.entries()) {
    const { problem, isShown } = judgeTool(tool)
    if (!isObject(tool) || typeof tool.name !== 'string') {
      leave(`(entry ${index + 1})`, problem ?? 'it is no tool')
      continue
    }
    const { name } = tool
    if (name.length > LONGEST_TOOL_NAME) {
      leave(`${name.slice(0, 80)}…`, `a name is at most ${LONGEST_TOOL_NAME} characters long`)
      continue
    }
    named += 1
    if (problem !== null) leave(name, problem)
    if (isShown) names.push(name)
    texts.set(name, [...(texts.get(name) ?? []), toolText(tool)])
    for (const { kind, where, found } of flagsOf(tool)) {
      if (flags.length < MOST_NOTED) flags.push({ tool: name, kind, where, found })
    }
  }
  const examined: Examined[] = []
  for (const [tool, definitions] of texts) {
    // A name that is listed twice stands for both: neither can change unnoticed behind the other.
    const fingerprint = await sha256Hex(definitions.join('\n'))
    const rounded = definitions.map(withoutDigits)
    const isSame = rounded.every((text, index) => text === definitions[index])
    const roundedFingerprint = isSame ? fingerprint : await sha256Hex(rounded.join('\n'))
    examined.push({ tool, fingerprint, roundedFingerprint, definition: definitions[0] ?? '' })
  }
  return { tools: examined, flags, named, names, leftOut }
}

/** A definition as it was pinned before pins kept the digits of numbers. */
function withoutDigits(definition: string): string {
  return hasOddNumber(definition) ? canonicalJson(JSON.parse(definition)) : definition
}

/**
 * Compares a listing with the pins and keeps it as the last known one. True when the server's configuration is not
 * what it was; a listing that was compared already changes nothing.
 *
 * @param holds what has drifted stays so, even what is as pinned again; such a
 *   listing is not seen, but to be compared anew; one that is not kept cannot be, so it is compared at once
 */
export function observeListing(
  sql: SqlStorage,
  server: string,
  {
    listing: { digest, incarnation, toolsJson },
    examined: { tools, flags, named, names, leftOut: unfit },
    nowMs,
    holds = false,
  }: {
    readonly listing: ObservedListing
    readonly examined: ExaminedListing
    readonly nowMs: number
    readonly holds?: boolean | undefined
  },
): boolean {
  const registered = readServer(sql, server)
  if (registered === null || !isOf(registered, incarnation)) return false
  if (seenDigests(sql, server).includes(digest)) return false
  const isKept = toolsJson.length <= LONGEST_KEPT
  const { isChanged: arePinsChanged, isHeld } = compareWithPins(sql, server, {
    tools,
    nowMs,
    holds: holds && isKept,
  })
  const before = readListing(sql, server)
  const { renamed, leftOut } = exposed(server, names, unfit)
  const listing: Listing = {
    digest,
    listedAtMs: nowMs,
    tools: named,
    names: short(tools.map(({ tool }) => tool)),
    renamed,
    leftOut,
    flags,
  }
  writeListing(sql, server, listing, isKept ? toolsJson : null)
  const areNamesChanged = JSON.stringify(before?.renamed ?? {}) !== JSON.stringify(renamed)
  if (arePinsChanged || areNamesChanged || isHeld) clearSeen(sql, server)
  if (!isHeld) addSeen(sql, server, digest)
  return true
}

/** The servers of which drift is held, or may be: their last listing is to be compared anew. */
export function heldServers(sql: SqlStorage): string[] {
  return sql
    .exec<{ server: string }>(
      `SELECT DISTINCT server FROM drift JOIN listings USING (server)
       WHERE EXISTS (SELECT 1 FROM listing_parts WHERE listing_parts.server = listings.server)
         AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.server = listings.server AND seen.digest = listings.digest)`,
    )
    .toArray()
    .map(({ server }) => server)
}

/** The names; null where they are too long: then whoever must know asks for the catalogue. */
function short(names: readonly string[]): readonly string[] | null {
  const { length } = new TextEncoder().encode(JSON.stringify(names))
  return length <= LONGEST_NAMES ? names : null
}

/** Decides how the names of a listing are exposed, within the size that a configuration can carry. */
function exposed(
  server: string,
  names: readonly string[],
  unfit: readonly LeftOut[],
): Pick<Listing, 'renamed' | 'leftOut'> {
  const all = exposures(server, names)
  const renamed: Record<string, string> = {}
  const leftOut = [...all.leftOut]
  let length = 0
  for (const [name, original] of Object.entries(all.renamed)) {
    length += name.length + original.length
    if (length <= LONGEST_RENAMED) renamed[name] = original
    else leftOut.push({ name: original, reason: 'too many tools of this server have names that do not fit' })
  }
  leftOut.push(...unfit)
  return { renamed, leftOut: leftOut.slice(0, MOST_NOTED) }
}
