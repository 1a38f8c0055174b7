import { sameBytes } from '../../base/same-bytes.ts'
import type { TenantConfig } from '../../contract/config.ts'
import type { Credential } from '../../contract/credential.ts'
import type { Grant } from '../../contract/grant.ts'

interface GrantRow extends Record<string, SqlStorageValue> {
  tenant: string
  name: string
  label: string
  secret_hash: ArrayBuffer
  older_hash: ArrayBuffer | null
  older_until: number | null
  origin: Grant['origin']
  config: string
  expires_at: number | null
  revoked_at: number | null
  incarnation: string
}

/** The grant, or null where none was ever installed. The tables must exist. */
export function readGrant(sql: SqlStorage): Grant | null {
  const row = sql.exec<GrantRow>('SELECT * FROM grants WHERE id = 1').toArray()[0]
  if (row === undefined) return null
  return {
    tenant: row.tenant,
    name: row.name,
    label: row.label,
    secretHash: new Uint8Array(row.secret_hash),
    olderSecret:
      row.older_hash === null || row.older_until === null
        ? null
        : { hash: new Uint8Array(row.older_hash), untilMs: row.older_until },
    origin: row.origin,
    config: JSON.parse(row.config) as TenantConfig,
    expiresAtMs: row.expires_at,
    revokedAtMs: row.revoked_at,
    incarnation: row.incarnation,
  }
}

/**
 * Installs the grant, or replaces it; a grant that is changed keeps its sessions and counters. A revoked secret stays
 * revoked, whatever else changes: only another secret opens the grant again.
 */
export function writeGrant(sql: SqlStorage, grant: Grant, nowMs: number): void {
  sql.exec(
    `INSERT INTO grants (id, tenant, name, label, secret_hash, origin, config, created_at, expires_at, revoked_at,
       older_hash, older_until, incarnation)
     VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET label = excluded.label, secret_hash = excluded.secret_hash,
       origin = excluded.origin, config = excluded.config, expires_at = excluded.expires_at,
       older_hash = excluded.older_hash, older_until = excluded.older_until,
       incarnation = excluded.incarnation,
       revoked_at = CASE WHEN secret_hash = excluded.secret_hash THEN revoked_at ELSE excluded.revoked_at END`,
    grant.tenant,
    grant.name,
    grant.label,
    grant.secretHash.slice().buffer,
    grant.origin,
    JSON.stringify(grant.config),
    nowMs,
    grant.expiresAtMs,
    grant.revokedAtMs,
    grant.olderSecret?.hash.slice().buffer ?? null,
    grant.olderSecret?.untilMs ?? null,
    grant.incarnation,
  )
}

/**
 * Tells whether the grant was deleted and made again since `before` was installed, which its principal may not have learnt. A grant
 * without an incarnation gets one in passing, and remains the same grant.
 */
export function isSuccessor({ incarnation }: Pick<Grant, 'incarnation'>, before: Grant): boolean {
  return incarnation !== '' && before.incarnation !== '' && incarnation !== before.incarnation
}

/** Marks the grant revoked; false when it was already, or when there is none. */
export function markRevoked(sql: SqlStorage, nowMs: number): boolean {
  return (
    sql.exec('UPDATE grants SET revoked_at = ? WHERE id = 1 AND revoked_at IS NULL', nowMs).rowsWritten > 0
  )
}

/** The secret before the present one has had its time. */
export function forgetOlderSecret(sql: SqlStorage): void {
  sql.exec('UPDATE grants SET older_hash = NULL, older_until = NULL WHERE id = 1')
}

/** Tells whether the secret that opened `before` opens the grant as it is `now`. */
export function stillOpens(before: Grant, now: Grant | null): boolean {
  const hash = before.secretHash.toHex()
  return now !== null && [now.secretHash, now.olderSecret?.hash].some((one) => one?.toHex() === hash)
}

const NO_HASH = new Uint8Array(32)

/**
 * Tells whether a credential opens the grant now. The comparison takes the same time whatever it finds, and runs
 * even where there is no grant, so that neither the answer nor its time tells which check failed.
 */
export function opens(grant: Grant | null, { proof }: Credential, nowMs: number): grant is Grant {
  const older = grant?.olderSecret ?? null
  const isCurrent = sameBytes(proof, grant?.secretHash ?? NO_HASH)
  const isOlder = sameBytes(proof, older?.hash ?? NO_HASH) && older !== null && nowMs < older.untilMs
  const same = isCurrent || isOlder
  const valid =
    grant !== null && grant.revokedAtMs === null && (grant.expiresAtMs === null || nowMs < grant.expiresAtMs)
  return same && valid
}
