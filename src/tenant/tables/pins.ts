/**
 * Pins: what each tool of a server was when it was first listed, or last accepted; and drift, the tools that are
 * something else now. A tool that goes away keeps its pin, so that it cannot come back as something else.
 */
import { parseExact } from '../../base/exact-json.ts'
import type { DriftView } from '../../contract/tenant.ts'
import { expose } from '../../names/tools.ts'
import { diffTools } from '../../upstream/pins.ts'

/** The most pins of one server. A server that invents ever new names fills no disk: old ones that it no longer lists go. */
const MOST_PINS = 10_000
/** Longer definitions are pinned by their fingerprint alone. */
const LONGEST_DEFINITION = 64 * 1024
/** The most characters of a diff. A note stands in the place of a longer one, for a row holds 2 MB. */
const LONGEST_DIFF = 50_000

/** A listed tool, ready to be compared. */
export interface Examined {
  readonly tool: string
  /** SHA-256 of the definition, as hex. */
  readonly fingerprint: string
  /** The same of the definition with JavaScript's numbers, as pins were made before they kept digits. */
  readonly roundedFingerprint: string
  /** Canonical JSON of what is pinned. */
  readonly definition: string
}

interface PinRow extends Record<string, SqlStorageValue> {
  tool: string
  fingerprint: string
  definition: string
  /** 1: numbers in it have their digits. */
  is_exact: number
}

/** The result of comparing a listing. */
export interface Comparison {
  /** Pins or drift are not what they were. */
  readonly isChanged: boolean
  /** A tool that is as pinned again counts as drifted all the same, for now. */
  readonly isHeld: boolean
}

/**
 * Compares a complete listing with the pins: what is new is pinned, what is as pinned has not drifted any more
 * (unless `holds`: then drift is only added), what differs has.
 */
export function compareWithPins(
  sql: SqlStorage,
  server: string,
  {
    tools,
    nowMs,
    holds,
  }: {
    readonly tools: readonly Examined[]
    readonly nowMs: number
    readonly holds: boolean
  },
): Comparison {
  const pins = byTool(sql.exec<PinRow>('SELECT * FROM pins WHERE server = ?', server).toArray())
  const drifted = byTool(sql.exec<PinRow>('SELECT * FROM drift WHERE server = ?', server).toArray())
  let isChanged = false
  let isHeld = false
  for (const { tool, fingerprint, roundedFingerprint, definition } of tools) {
    const pin = pins.get(tool)
    const drift = drifted.get(tool)
    const kept = definition.length <= LONGEST_DEFINITION ? definition : ''
    if (pin === undefined) {
      sql.exec(
        `INSERT INTO pins (server, tool, fingerprint, definition, pinned_at, is_exact) VALUES (?, ?, ?, ?, ?, 1)`,
        ...[server, tool, fingerprint, kept, nowMs],
      )
    } else if (isAsPinned(pin, fingerprint, roundedFingerprint)) {
      if (pin.is_exact === 0) {
        sql.exec(
          'UPDATE pins SET fingerprint = ?, definition = ?, is_exact = 1 WHERE server = ? AND tool = ?',
          ...[fingerprint, kept, server, tool],
        )
      }
      if (drift === undefined) continue
      if (holds) {
        isHeld = true
        continue
      }
      sql.exec('DELETE FROM drift WHERE server = ? AND tool = ?', server, tool)
    } else {
      if (drift?.fingerprint === fingerprint) continue
      sql.exec(
        `INSERT INTO drift (server, tool, fingerprint, definition, since, diff, is_exact) VALUES (?, ?, ?, ?, ?, ?, 1)
         ON CONFLICT (server, tool) DO UPDATE SET fingerprint = excluded.fingerprint,
           definition = excluded.definition, diff = excluded.diff, is_exact = 1`,
        ...[server, tool, fingerprint, kept, nowMs, diffJson(pin.definition, kept)],
      )
    }
    isChanged = true
  }
  if (isChanged) forgetOldest(sql, server, tools)
  return { isChanged, isHeld }
}

/** Compares a pin from JavaScript's numbers with them once more; from then on it has its digits. */
function isAsPinned(pin: PinRow, fingerprint: string, roundedFingerprint: string): boolean {
  return pin.fingerprint === fingerprint || (pin.is_exact === 0 && pin.fingerprint === roundedFingerprint)
}

/** Every tool that has drifted, by name. */
export function driftedTools(sql: SqlStorage, server: string): string[] {
  return sql
    .exec<{ tool: string }>('SELECT tool FROM drift WHERE server = ? ORDER BY tool', server)
    .toArray()
    .map(({ tool }) => tool)
}

/** The first `most` tools that have drifted, with what differs. */
export function driftOf(sql: SqlStorage, server: string, most: number): DriftView[] {
  return sql
    .exec<{ tool: string; since: number; diff: string }>(
      'SELECT tool, since, diff FROM drift WHERE server = ? ORDER BY tool LIMIT ?',
      server,
      most,
    )
    .toArray()
    .map(({ tool, since, diff }) => ({ tool, sinceMs: since, diffJson: diff }))
}

/**
 * Names what is pinned of the tools that have drifted: something else with every pin that is made or accepted. Null
 * where nothing has drifted, for then the pins are what is listed.
 */
export function pinsVersion(sql: SqlStorage, server: string): string | null {
  const count = (table: string, what: string) =>
    Number(sql.exec(`SELECT ${what} AS n FROM ${table} WHERE server = ?`, server).one().n ?? 0)
  const drifted = count('drift', 'count(*)')
  return drifted === 0 ? null : `${drifted}.${count('pins', 'max(pinned_at)')}`
}

/** The pinned definitions of drifted tools, by name; null for one of which only the fingerprint is kept. */
export function pinnedOfDrifted(sql: SqlStorage, server: string): Record<string, unknown> {
  const rows = sql
    .exec<{ tool: string; definition: string }>(
      `SELECT tool, pins.definition FROM drift JOIN pins USING (server, tool) WHERE server = ?`,
      server,
    )
    .toArray()
  return Object.fromEntries(
    rows.map(({ tool, definition }) => [tool, definition === '' ? null : parseExact(definition)]),
  )
}

/**
 * Pins what a drifted tool is now; all of them when `tool` is null. Answers which, by their own names.
 *
 * @param tool its own name, or a name by which agents and policies know it, where no other tool's own is that
 */
export function acceptDrift(sql: SqlStorage, server: string, tool: string | null, nowMs: number): string[] {
  const drifted = driftedTools(sql, server)
  const isCalled = (name: string) => tool === `${server}__${name}` || tool === expose(server, name)
  const accepted = tool === null ? drifted : drifted.includes(tool) ? [tool] : drifted.filter(isCalled)
  for (const name of accepted) {
    sql.exec(
      `INSERT OR REPLACE INTO pins (server, tool, fingerprint, definition, pinned_at, is_exact)
       SELECT server, tool, fingerprint, definition, ?, is_exact FROM drift WHERE server = ? AND tool = ?`,
      ...[nowMs, server, name],
    )
    sql.exec('DELETE FROM drift WHERE server = ? AND tool = ?', server, name)
  }
  return accepted
}

function diffJson(before: string, after: string): string {
  const note = (why: string) => JSON.stringify([{ field: '', before: '', after: why }])
  if (before === '' || after === '')
    return note(`a definition of more than ${LONGEST_DEFINITION} characters is kept as its fingerprint alone`)
  const diff = JSON.stringify(diffTools(parseExact(before), parseExact(after)))
  return diff.length <= LONGEST_DIFF ? diff : note(`a diff of ${diff.length} characters is not kept`)
}

function forgetOldest(sql: SqlStorage, server: string, tools: readonly Examined[]): void {
  const { n } = sql.exec<{ n: number }>('SELECT count(*) AS n FROM pins WHERE server = ?', server).one()
  if (n <= MOST_PINS) return
  const listed = new Set(tools.map(({ tool }) => tool))
  const old = sql
    .exec<{ tool: string }>('SELECT tool FROM pins WHERE server = ? ORDER BY pinned_at, tool', server)
    .toArray()
    .filter(({ tool }) => !listed.has(tool))
    .slice(0, n - MOST_PINS)
  for (const { tool } of old) {
    sql.exec('DELETE FROM pins WHERE server = ? AND tool = ?', server, tool)
    sql.exec('DELETE FROM drift WHERE server = ? AND tool = ?', server, tool)
  }
}

function byTool(rows: readonly PinRow[]): Map<string, PinRow> {
  return new Map(rows.map((row) => [row.tool, row]))
}
