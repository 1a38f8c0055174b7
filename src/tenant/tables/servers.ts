/** The upstream servers of a tenant: what was registered, and what was found out about them. */
import { MOST } from '../../contract/capacity.ts'
import { type Declared, nothingDeclared } from '../../contract/declared.ts'
import type { ServerDocument } from '../../contract/server-document.ts'
import { Refusal, type ServerStatus, type ServerView } from '../../contract/tenant.ts'
import type { KnownEras, LeftOutReport, UpstreamConfig, UpstreamReport } from '../../contract/upstream.ts'
import { etagOf } from './etags.ts'
import { forgetListing, readListing } from './listings.ts'
import { driftedTools, driftOf, pinsVersion } from './pins.ts'
import { secretHeadersOf } from './secrets.ts'
import { clearSeen, seenDigests } from './seen.ts'

/** The longest texts that are kept of a server's introduction, and of its failures. */
const LONGEST_NAME = 256
const LONGEST_MESSAGE = 1_000
/** With what differs; of more, the status says how many they are. */
const MOST_DRIFT_SHOWN = 100

type PlainDocument = Omit<ServerDocument, 'headers'>

/** A server as stored; its headers are sealed. */
export interface StoredServer {
  readonly name: string
  /** Names this registration of it. */
  readonly incarnation: string
  /** Grows with every change of its pins, drift, names or document. */
  readonly pinsRevision: number
  readonly document: PlainDocument
  readonly headers: Readonly<Record<string, string>>
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** As found out; what the document says goes before. */
  readonly eras: KnownEras
  readonly declared: Declared
}

interface ServerRow extends Record<string, SqlStorageValue> {
  name: string
  incarnation: string
  pins_revision: number
  document: string
  headers: string
  created_at: number
  updated_at: number
  session_era: number | null
  stateless_era: number | null
  protocol_version: string | null
  server_info: string | null
  last_success_at: number | null
  successes: number
  failures: number
  last_failure: string | null
  breaker: ServerStatus['breaker']
  breaker_at: number
  left_out: string
  declared: string
  last_scan: string | null
}

export function serverNames(sql: SqlStorage): string[] {
  return sql
    .exec<{ name: string }>('SELECT name FROM servers ORDER BY name')
    .toArray()
    .map(({ name }) => name)
}

export function readServer(sql: SqlStorage, name: string): StoredServer | null {
  const row = readRow(sql, name)
  return row === null ? null : stored(row)
}

/** Registers a server, or replaces it. One that has moved is a stranger: nothing is known of it but its pins. */
export function writeServer(
  sql: SqlStorage,
  {
    name,
    document,
    headers,
  }: {
    readonly name: string
    readonly document: PlainDocument
    readonly headers: Readonly<Record<string, string>>
  },
  nowMs: number,
): void {
  const before = readServer(sql, name)
  if (before === null && serverNames(sql).length >= MOST.servers) {
    throw new Refusal('conflict', [`found ${MOST.servers} servers already; allowed: at most ${MOST.servers}`])
  }
  sql.exec(
    `INSERT INTO servers (name, document, headers, created_at, updated_at, incarnation)
     VALUES (?, ?, ?, ?, ?, lower(hex(randomblob(8))))
     ON CONFLICT (name) DO UPDATE SET document = excluded.document, headers = excluded.headers,
       updated_at = excluded.updated_at, pins_revision = pins_revision + 1`,
    name,
    JSON.stringify(document),
    JSON.stringify(headers),
    nowMs,
    nowMs,
  )
  if (before === null) return
  if (before.document.url === document.url) {
    if (readListing(sql, name) === null) sql.exec('UPDATE servers SET last_scan = NULL WHERE name = ?', name)
    return
  }
  sql.exec(
    `UPDATE servers SET session_era = NULL, stateless_era = NULL, protocol_version = NULL, server_info = NULL, left_out = '{}', declared = '{}',
       left_out = '{}', last_scan = NULL,
       breaker = 'closed' WHERE name = ?`,
    name,
  )
  clearSeen(sql, name)
  forgetListing(sql, name)
}

/** Tells whether this is the registration that is meant; whoever does not say which means any, as older versions did. */
export function isOf(server: { readonly incarnation: string }, incarnation: string | undefined): boolean {
  return incarnation === undefined || server.incarnation === incarnation
}

/** Puts sealed headers in the place of those that are stored. */
export function writeHeaders(sql: SqlStorage, name: string, headers: Readonly<Record<string, string>>): void {
  sql.exec('UPDATE servers SET headers = ? WHERE name = ?', JSON.stringify(headers), name)
}

/** Forgets a server and everything about it. */
export function deleteServer(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM servers WHERE name = ?', name)
  for (const table of ['pins', 'drift', 'listings', 'listing_parts', 'seen', 'secret_headers']) {
    sql.exec(`DELETE FROM ${table} WHERE server = ?`, name)
  }
}

/** Adds what an isolate found out. True when the server's eras or what it declares are now known otherwise than before. */
export function mergeReport(sql: SqlStorage, name: string, report: UpstreamReport): boolean {
  const before = readRow(sql, name)
  // A report may be on its way while the server is removed and registered again.
  if (before === null || !isOf(before, report.incarnation)) return false
  const {
    eras,
    protocolVersion,
    serverInfo,
    successes = 0,
    failures = 0,
    lastFailure,
    breaker,
    atMs,
    scan,
  } = report
  // Null is something that was found out: that what was known is not so.
  const { session = flag(before.session_era), stateless = flag(before.stateless_era) } = eras ?? {}
  const info = serverInfo && {
    name: String(serverInfo.name).slice(0, LONGEST_NAME),
    version: String(serverInfo.version).slice(0, LONGEST_NAME),
  }
  const failure = lastFailure && { ...lastFailure, message: lastFailure.message.slice(0, LONGEST_MESSAGE) }
  const leftOut = leftOutAfter(before.left_out, report.leftOut)
  const declared = JSON.stringify({ ...(JSON.parse(before.declared) as object), ...report.declared })
  const isNewerFailure =
    failure !== undefined &&
    (before.last_failure === null ||
      failure.atMs >= (JSON.parse(before.last_failure) as { atMs: number }).atMs)
  const isNewerBreaker = breaker !== undefined && atMs >= before.breaker_at
  sql.exec(
    `UPDATE servers SET session_era = ?, stateless_era = ?, protocol_version = coalesce(?, protocol_version),
       server_info = coalesce(?, server_info), last_success_at = ?,
       successes = successes + ?, failures = failures + ?, last_failure = coalesce(?, last_failure),
       breaker = coalesce(?, breaker), breaker_at = coalesce(?, breaker_at), left_out = ?, declared = ?,
       last_scan = coalesce(?, last_scan)
     WHERE name = ?`,
    number(session),
    number(stateless),
    protocolVersion?.slice(0, LONGEST_NAME) ?? null,
    info === undefined ? null : JSON.stringify(info),
    successes > 0 ? Math.max(atMs, before.last_success_at ?? 0) : before.last_success_at,
    successes,
    failures,
    isNewerFailure ? JSON.stringify(failure) : null,
    isNewerBreaker ? breaker : null,
    isNewerBreaker ? atMs : null,
    leftOut,
    declared,
    scanKept(before, scan),
    name,
  )
  return (
    number(session) !== before.session_era ||
    number(stateless) !== before.stateless_era ||
    declared !== before.declared
  )
}

/** JSON of how a scan ended; null where it was of where the server was before, or another has ended since. */
function scanKept(before: ServerRow, scan: UpstreamReport['scan']): string | null {
  if (scan === undefined || scan.url !== (JSON.parse(before.document) as PlainDocument).url) return null
  const last = parsed<{ atMs: number }>(before.last_scan)
  if (last !== null && last.atMs > scan.atMs) return null
  const { atMs, problem } = scan
  return JSON.stringify({ atMs, problem: problem?.slice(0, LONGEST_MESSAGE) ?? null })
}

/** JSON of what is left out of each kind, once a report has come. */
function leftOutAfter(before: string, report: UpstreamReport['leftOut']): string {
  if (report === undefined) return before
  if (report === null) return '{}'
  const { [report.kind]: _, ...others } = JSON.parse(before) as Record<string, unknown>
  return JSON.stringify(report.entries.length === 0 ? others : { ...others, [report.kind]: report.entries })
}

/** Returns all entries that lists leave out, for the status: tools by their last listing, the rest as reported. */
function allLeftOut(listing: ReturnType<typeof readListing>, others: string): ServerStatus['leftOut'] {
  const leftOut = Object.entries(
    JSON.parse(others) as Record<LeftOutReport['kind'], LeftOutReport['entries']>,
  )
  return [
    ...(listing?.leftOut ?? []),
    ...leftOut.flatMap(([kind, entries]) =>
      entries.map((entry) => ({ ...entry, kind: kind as LeftOutReport['kind'] })),
    ),
  ]
}

/** The server as requests see it, or null where it is switched off or not there. */
export function upstreamConfig(sql: SqlStorage, name: string): UpstreamConfig | null {
  const server = readServer(sql, name)
  if (server === null || !server.document.enabled) return null
  const { url, timeouts, limits, breaker, on_drift } = server.document
  const withheld = on_drift === 'hide' ? 'hidden' : 'blocked'
  const drifted = on_drift === 'report' ? [] : driftedTools(sql, name)
  const listing = readListing(sql, name)
  return {
    name,
    incarnation: server.incarnation,
    url,
    headers: server.headers,
    responseSeconds: timeouts.response_seconds,
    idleSeconds: timeouts.idle_seconds,
    callSeconds: timeouts.call_seconds,
    listSeconds: timeouts.list_seconds,
    maxResponseBytes: limits.response_bytes,
    maxConcurrent: limits.concurrent,
    breakerFailures: breaker.failures,
    breakerSeconds: breaker.open_seconds,
    eras: erasOf(server),
    declared: server.declared,
    withheld: Object.fromEntries(drifted.map((tool) => [tool, withheld])),
    renamed: listing?.renamed ?? {},
    pinsRevision: server.pinsRevision,
    seen: seenDigests(sql, name),
    catalogue: catalogueVersion(sql, name),
    ...(listing === null || listing.names === null ? {} : { tools: listing.names }),
  }
}

/** Names what `catalogue` of the tenant's object answers; null before the first listing. */
export function catalogueVersion(sql: SqlStorage, name: string): string | null {
  const listing = readListing(sql, name)
  if (listing === null) return null
  const pins = pinsVersion(sql, name)
  return pins === null ? listing.digest : `${listing.digest}+${pins}`
}

/** A server as an administrator sees it, or null. */
export function viewServer(sql: SqlStorage, name: string): ServerView | null {
  const row = readRow(sql, name)
  if (row === null) return null
  const server = stored(row)
  const listing = readListing(sql, name)
  return {
    name,
    tag: etagOf(sql, `server/${name}`),
    secretHeaders: secretHeadersOf(sql, name),
    document: server.document,
    headerNames: Object.keys(server.headers),
    createdAtMs: server.createdAtMs,
    updatedAtMs: server.updatedAtMs,
    status: {
      eras: erasOf(server),
      protocolVersion: row.protocol_version,
      serverInfo: parsed(row.server_info),
      lastSuccessAtMs: row.last_success_at,
      successes: row.successes,
      failures: row.failures,
      lastFailure: parsed(row.last_failure),
      lastScan: parsed(row.last_scan),
      breaker: row.breaker,
      tools: listing?.tools ?? 0,
      catalogueAtMs: listing?.listedAtMs ?? null,
      drift: driftOf(sql, name, MOST_DRIFT_SHOWN),
      driftTotal: driftedTools(sql, name).length,
      flags: listing?.flags ?? [],
      renamed: listing?.renamed ?? {},
      leftOut: allLeftOut(listing, row.left_out),
    },
  }
}

function erasOf({ document, eras }: StoredServer): KnownEras {
  if (document.era === 'auto') return eras
  return { session: document.era === 'session', stateless: document.era === 'stateless' }
}

function readRow(sql: SqlStorage, name: string): ServerRow | null {
  return sql.exec<ServerRow>('SELECT * FROM servers WHERE name = ?', name).toArray()[0] ?? null
}

function stored(row: ServerRow): StoredServer {
  return {
    name: row.name,
    incarnation: row.incarnation,
    pinsRevision: row.pins_revision,
    document: withDefaults(JSON.parse(row.document) as PlainDocument),
    headers: JSON.parse(row.headers) as Record<string, string>,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    eras: { session: flag(row.session_era), stateless: flag(row.stateless_era) },
    declared: { ...nothingDeclared, ...(JSON.parse(row.declared) as Partial<Declared>) },
  }
}

/** A document that an older version stored lacks what came later. */
function withDefaults(document: PlainDocument): PlainDocument {
  return {
    ...document,
    timeouts: { ...document.timeouts, list_seconds: document.timeouts.list_seconds ?? 5 },
  }
}

function parsed<T>(json: string | null): T | null {
  return json === null ? null : (JSON.parse(json) as T)
}

function flag(value: number | null): boolean | null {
  return value === null ? null : value === 1
}

function number(value: boolean | null): number | null {
  return value === null ? null : value ? 1 : 0
}
