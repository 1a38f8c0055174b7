/** The last complete listing of a server's tools. */
import type { FlagView } from '../../contract/tenant.ts'

/** A row of SQLite holds 2 MB. */
const PART_BYTES = 1024 * 1024

export interface Listing {
  /** As the Worker that listed the tools named it. */
  readonly digest: string
  readonly listedAtMs: number
  readonly tools: number
  /** Names of all its tools; null where they are too long to travel with every grant's configuration. */
  readonly names: readonly string[] | null
  /** Exposed name to the server's own. */
  readonly renamed: Readonly<Record<string, string>>
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[]
  readonly flags: readonly FlagView[]
}

/** Returns the listing without its tools, or null before the first. */
export function readListing(sql: SqlStorage, server: string): Listing | null {
  const row = sql.exec('SELECT * FROM listings WHERE server = ?', server).toArray()[0]
  if (row === undefined) return null
  return {
    digest: String(row.digest),
    listedAtMs: Number(row.listed_at),
    tools: Number(row.tools),
    names: row.names === null ? null : (JSON.parse(String(row.names)) as string[]),
    renamed: JSON.parse(String(row.renamed)) as Listing['renamed'],
    leftOut: JSON.parse(String(row.left_out)) as Listing['leftOut'],
    flags: JSON.parse(String(row.flags)) as FlagView[],
  }
}

/** Keeps a listing in place of the one before; `toolsJson` is null where its tools are too long to be kept. */
export function writeListing(
  sql: SqlStorage,
  server: string,
  listing: Listing,
  toolsJson: string | null,
): void {
  sql.exec(
    'INSERT OR REPLACE INTO listings (server, digest, listed_at, tools, names, renamed, left_out, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    server,
    listing.digest,
    listing.listedAtMs,
    listing.tools,
    listing.names === null ? null : JSON.stringify(listing.names),
    JSON.stringify(listing.renamed),
    JSON.stringify(listing.leftOut),
    JSON.stringify(listing.flags),
  )
  sql.exec('DELETE FROM listing_parts WHERE server = ?', server)
  const bytes = new TextEncoder().encode(toolsJson ?? '')
  for (let part = 0; part * PART_BYTES < bytes.length; part++) {
    const piece = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES)
    sql.exec(
      'INSERT INTO listing_parts (server, part, bytes) VALUES (?, ?, ?)',
      server,
      part,
      piece.buffer as ArrayBuffer,
    )
  }
}

/** The tools of the last listing, as the JSON that came; null before the first, and where they are not kept. */
export function readTools(sql: SqlStorage, server: string): string | null {
  const parts = sql
    .exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM listing_parts WHERE server = ? ORDER BY part', server)
    .toArray()
  if (parts.length === 0) return null
  // A character may be cut in two by the end of a part: decoded as one stream.
  const decoder = new TextDecoder()
  return parts.map(({ bytes }) => decoder.decode(bytes, { stream: true })).join('') + decoder.decode()
}

/** Forgets what a server listed, for it is another one now. */
export function forgetListing(sql: SqlStorage, server: string): void {
  sql.exec('DELETE FROM listings WHERE server = ?', server)
  sql.exec('DELETE FROM listing_parts WHERE server = ?', server)
}
