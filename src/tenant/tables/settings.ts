/** The tenant's own row: its name and settings. */
import { retentionDays, type TenantDocument } from '../../contract/config.ts'
import type { TenantView } from '../../contract/tenant.ts'
import type { AdministrativeChange } from './changes.ts'
import { etagOf } from './etags.ts'

/** The tenant as stored. The tables must exist. */
export interface StoredTenant {
  readonly name: string
  readonly settings: TenantDocument
  /** On the demo's tenant: its built-in grant goes by these settings, and not by its file. */
  readonly isSaid: boolean
  readonly isSuspended: boolean
  /** It is going away since then, and at the latest by then; the next round is due then. */
  readonly deletion: { readonly sinceMs: number; readonly byMs: number; readonly nextRoundMs: number } | null
  readonly view: TenantView
}

interface TenantRow extends Record<string, SqlStorageValue> {
  name: string
  settings: string
  created_at: number
  updated_at: number
  is_said: number
  suspended_at: number | null
  deleting_at: number | null
  delete_by: number | null
  delete_round_at: number | null
}

export function readTenant(sql: SqlStorage): StoredTenant | null {
  const row = sql.exec<TenantRow>('SELECT * FROM tenant WHERE id = 1').toArray()[0]
  if (row === undefined) return null
  return {
    name: row.name,
    settings: JSON.parse(row.settings) as TenantDocument,
    isSaid: row.is_said === 1,
    isSuspended: row.suspended_at !== null,
    deletion:
      row.deleting_at === null
        ? null
        : {
            sinceMs: row.deleting_at,
            byMs: row.delete_by ?? row.deleting_at,
            nextRoundMs: row.delete_round_at ?? row.deleting_at,
          },
    view: {
      tag: etagOf(sql, 'tenant'),
      settingsJson: row.settings,
      suspendedAtMs: row.suspended_at,
      createdAtMs: row.created_at,
      updatedAtMs: row.updated_at,
    },
  }
}

/** Tells whether the directory has its name: what was made before there was one is not in it. */
export function isListed(sql: SqlStorage): boolean {
  return sql.exec('SELECT 1 FROM tenant WHERE is_listed = 0').toArray().length === 0
}

export function markListed(sql: SqlStorage): void {
  sql.exec('UPDATE tenant SET is_listed = 1')
}

/**
 * Only once the directory has its name.
 * @param isSaid as in StoredTenant
 */
export function writeTenant(
  sql: SqlStorage,
  {
    name,
    settings,
    isSaid,
  }: {
    readonly name: string
    readonly settings: TenantDocument
    readonly isSaid: boolean
  },
  nowMs: number,
): void {
  sql.exec(
    `INSERT INTO tenant (id, name, settings, created_at, updated_at, push_failures, is_listed, is_said)
     VALUES (1, ?, ?, ?, ?, 0, 1, ?)
     ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at, is_said = excluded.is_said`,
    ...[name, JSON.stringify(settings), nowMs, nowMs, isSaid ? 1 : 0],
  )
}

/**
 * Returns the settings that differ from `before`, for the record: names alone, and the retention of audit rows, because a shorter one
 * lets evidence go. A new tenant's are compared with the defaults that it began with.
 */
export function changedSettings(
  sql: SqlStorage,
  before: TenantDocument | null,
): AdministrativeChange['detail'] {
  const now = readTenant(sql)?.settings ?? null
  if (before === null || now === null) return {}
  const [old, present] = [members(before), members(now)]
  const names = [...new Set([...old.keys(), ...present.keys()])]
  const changed = names.filter((name) => old.get(name) !== present.get(name))
  const [from, to] = [retentionDays(before), retentionDays(now)]
  const retention = from === to ? {} : { retention_days_from: from, retention_days_to: to }
  return { changed: changed.join(' '), ...retention }
}

/** By name, as `sessions.idle_seconds`: each value as JSON. */
function members(settings: TenantDocument): Map<string, string> {
  const all = Object.entries(settings).flatMap(([part, inner]) =>
    Object.entries(inner ?? {}).map(([name, value]) => [`${part}.${name}`, JSON.stringify(value)] as const),
  )
  return new Map(all)
}

/** Suspends the tenant, or resumes it with null. */
export function writeSuspended(sql: SqlStorage, suspendedAtMs: number | null): void {
  sql.exec('UPDATE tenant SET suspended_at = ? WHERE id = 1', suspendedAtMs)
}

/** A grant's configuration is one row of its principal's database, which holds 2 MB. */
export const MOST_CONFIG_BYTES = 1_500_000

/** The settings and the largest policy together. */
export function policyAndSettingsBytes(sql: SqlStorage): number {
  return sql
    .exec<{ bytes: number }>(
      `SELECT coalesce((SELECT length(CAST(settings AS BLOB)) FROM tenant), 0)
         + coalesce((SELECT max(length(CAST(document AS BLOB)))
             FROM policies JOIN policy_versions USING (name, version)), 0) AS bytes`,
    )
    .one().bytes
}

/** Returns the problem with the size of the largest configuration that a grant of this tenant could have, or null. */
export function sizeProblem(sql: SqlStorage): string | null {
  const servers = sql
    .exec<{ bytes: number }>(
      `SELECT coalesce(sum(length(CAST(document AS BLOB)) + length(CAST(headers AS BLOB)) + 500), 0) AS bytes
       FROM servers`,
    )
    .one().bytes
  const bytes = servers + policyAndSettingsBytes(sql)
  if (bytes <= MOST_CONFIG_BYTES) return null
  return `found ${bytes} bytes of servers, settings and the largest policy together; allowed: at most ${MOST_CONFIG_BYTES}`
}
