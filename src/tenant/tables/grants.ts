/**
 * The grants of a tenant, and which of their principals have yet to be told of a change: those whose `pushed` is
 * behind their `revision`. Every change of a grant's configuration touches it in the same transaction.
 */
import { MOST } from '../../contract/capacity.ts'
import type { GrantDocument } from '../../contract/grant-document.ts'
import { type GrantView, Refusal } from '../../contract/tenant.ts'
import { etagOf } from './etags.ts'

/** A grant as stored, deleted ones included until their principal knows. */
export interface StoredGrant extends GrantView {
  readonly secretHash: Uint8Array
  /** The secret before this one, while it is good. */
  readonly olderSecret: { readonly hash: Uint8Array; readonly untilMs: number } | null
  readonly isDeleted: boolean
  readonly revision: number
  /** Names this making of it: one that is deleted and made again has another. */
  readonly incarnation: string
}

interface GrantRow extends Record<string, SqlStorageValue> {
  name: string
  label: string
  policy: string | null
  servers: string
  every_native: number
  owner: string | null
  sessions: GrantView['sessions']
  secret_hash: ArrayBuffer
  origin: GrantView['origin']
  created_at: number
  updated_at: number
  expires_at: number | null
  deleted_at: number | null
  revision: number
  pushed: number
  incarnation: string
}

/** The grant, deleted or not; null where there is none. */
export function readGrant(sql: SqlStorage, name: string): StoredGrant | null {
  const row = sql.exec<GrantRow>('SELECT * FROM grants WHERE name = ?', name).toArray()[0]
  if (row === undefined) return null
  const older = sql
    .exec<{ hash: ArrayBuffer; until: number }>(
      'SELECT hash, until FROM older_secrets WHERE grant_name = ?',
      name,
    )
    .toArray()[0]
  return {
    name: row.name,
    tag: etagOf(sql, `grant/${name}`),
    olderUntilMs: older?.until ?? null,
    olderSecret: older === undefined ? null : { hash: new Uint8Array(older.hash), untilMs: older.until },
    label: row.label,
    policy: row.policy,
    servers: JSON.parse(row.servers) as GrantView['servers'],
    everyNative: row.every_native === 1,
    owner: row.owner,
    sessions: row.sessions,
    origin: row.origin,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    expiresAtMs: row.expires_at,
    isPending: row.pushed < row.revision,
    secretHash: new Uint8Array(row.secret_hash),
    isDeleted: row.deleted_at !== null,
    incarnation: row.incarnation,
    revision: row.revision,
  }
}

/** Returns a grant as an administrator may see it; null for none, or a deleted one. */
export function viewGrant(sql: SqlStorage, name: string): GrantView | null {
  const grant = readGrant(sql, name)
  if (grant === null || grant.isDeleted) return null
  const { secretHash: _, olderSecret: __, isDeleted: ___, revision: ____, ...view } = grant
  return view
}

export function grantNames(sql: SqlStorage): string[] {
  return names(sql, 'SELECT name FROM grants WHERE deleted_at IS NULL ORDER BY name')
}

/**
 * Makes a grant, or changes it. A new one, also in place of a deleted one, opens with `secretHash` alone.
 * @param everyNative whether `"*"` alone is every native server for one that is made; it stays so for one that is there
 */
export function writeGrant(
  sql: SqlStorage,
  {
    name,
    document,
    secretHash,
    origin,
    everyNative,
  }: {
    readonly name: string
    readonly document: GrantDocument
    readonly secretHash: Uint8Array
    readonly origin: GrantView['origin']
    readonly everyNative: boolean
  },
  nowMs: number,
): void {
  const before = viewGrant(sql, name)
  if (before === null && grantNames(sql).length >= MOST.grants) {
    throw new Refusal('conflict', [`found ${MOST.grants} grants already; allowed: at most ${MOST.grants}`])
  }
  const { label, policy, owner, sessions, expiresAtMs } = document
  const servers = JSON.stringify(document.servers)
  if (before !== null) {
    sql.exec(
      `UPDATE grants SET label = ?, policy = ?, servers = ?, owner = ?, sessions = ?, expires_at = ?, updated_at = ?,
         revision = revision + 1, due_at = 0 WHERE name = ?`,
      ...[label, policy, servers, owner, sessions, expiresAtMs, nowMs, name],
    )
    return
  }
  sql.exec(
    `INSERT INTO grants (name, label, policy, servers, owner, sessions, secret_hash, origin, created_at, updated_at, expires_at,
       deleted_at, revision, pushed, incarnation, every_native)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 1, 0, lower(hex(randomblob(8))), ?)
     ON CONFLICT (name) DO UPDATE SET label = excluded.label, policy = excluded.policy, servers = excluded.servers,
       owner = excluded.owner, sessions = excluded.sessions, secret_hash = excluded.secret_hash, origin = excluded.origin, created_at = excluded.created_at,
       updated_at = excluded.updated_at, expires_at = excluded.expires_at, deleted_at = NULL,
       incarnation = excluded.incarnation, every_native = excluded.every_native,
       revision = revision + 1, due_at = 0`,
    ...[name, label, policy, servers, owner, sessions],
    secretHash.slice().buffer,
    ...[origin, nowMs, nowMs, expiresAtMs, everyNative ? 1 : 0],
  )
}

/**
 * Gives a grant another secret; the one before is good until `olderUntilMs`, and none else. The same secret again
 * changes nothing: false.
 */
export function rotateSecret(
  sql: SqlStorage,
  {
    name,
    secretHash,
    olderUntilMs,
  }: {
    readonly name: string
    readonly secretHash: Uint8Array
    readonly olderUntilMs: number
  },
  nowMs: number,
): boolean {
  const grant = readGrant(sql, name)
  if (grant === null || grant.secretHash.toHex() === secretHash.toHex()) return false
  sql.exec('DELETE FROM older_secrets WHERE grant_name = ?', name)
  if (olderUntilMs > nowMs) {
    const older = grant.secretHash.slice().buffer
    sql.exec('INSERT INTO older_secrets VALUES (?, ?, ?)', name, older, olderUntilMs)
  }
  sql.exec(
    'UPDATE grants SET secret_hash = ?, updated_at = ?, revision = revision + 1, due_at = 0 WHERE name = ?',
    secretHash.slice().buffer,
    nowMs,
    name,
  )
  return true
}

/** Marks a grant deleted, so that its principal is told. */
export function markDeleted(sql: SqlStorage, name: string, nowMs: number): void {
  sql.exec('DELETE FROM older_secrets WHERE grant_name = ?', name)
  sql.exec(
    'UPDATE grants SET deleted_at = ?, revision = revision + 1, due_at = 0 WHERE name = ?',
    nowMs,
    name,
  )
}

/** Touches every grant that reaches `server`; their principals are due at `dueMs`, or before, if they are. Answers their names. */
export function touchByServer(sql: SqlStorage, server: string, dueMs = 0): string[] {
  const reaches = "EXISTS (SELECT 1 FROM json_each(grants.servers) WHERE value = ? OR value = '*')"
  return touch(sql, reaches, [server], dueMs)
}

/** Touches every grant that is under `policy`. Answers their names. */
export function touchByPolicy(sql: SqlStorage, policy: string): string[] {
  return touch(sql, 'policy = ?', [policy])
}

/** Touches every grant that the tenant's settings are for. Answers their names. */
export function touchAll(sql: SqlStorage): string[] {
  return touch(sql, "origin = 'tenant'")
}

/** Touches every grant, the built-in one as well. Answers their names. */
export function touchEvery(sql: SqlStorage): string[] {
  return touch(sql, 'TRUE')
}

/** Takes a server that is going away out of every grant's list; touch them first. */
export function dropServer(sql: SqlStorage, server: string): void {
  sql.exec(
    `UPDATE grants SET servers = (SELECT json_group_array(value) FROM json_each(grants.servers) WHERE value <> ?)
     WHERE json_type(servers) = 'array' AND EXISTS (SELECT 1 FROM json_each(grants.servers) WHERE value = ?)`,
    server,
    server,
  )
}

export function grantsUnderPolicy(sql: SqlStorage, policy: string): string[] {
  return names(sql, 'SELECT name FROM grants WHERE deleted_at IS NULL AND policy = ? ORDER BY name', policy)
}

function touch(sql: SqlStorage, which: string, bindings: readonly string[] = [], dueMs = 0): string[] {
  return names(
    sql,
    `UPDATE grants SET revision = revision + 1, due_at = CASE WHEN pushed < revision THEN min(due_at, ?) ELSE ? END
     WHERE deleted_at IS NULL AND ${which} RETURNING name`,
    ...[dueMs, dueMs, ...bindings],
  )
}

function names(sql: SqlStorage, query: string, ...bindings: (string | number)[]): string[] {
  return sql
    .exec<{ name: string }>(query, ...bindings)
    .toArray()
    .map(({ name }) => name)
}
