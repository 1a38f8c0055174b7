/** Policies: immutable numbered versions, and a pointer to the current one; a deleted policy has none, and its versions still. */
import { MOST } from '../../contract/capacity.ts'
import { type ChangeContext, type PolicySummary, type PolicyView, Refusal } from '../../contract/tenant.ts'
import { etagOf } from './etags.ts'

/** The most versions of each policy; the oldest go first. */
const MOST_VERSIONS = 100
/** Deleted policies whose versions are kept; those that were deleted first go, and their numbers with them. */
const MOST_DELETED = 500

interface SummaryRow extends Record<string, SqlStorageValue> {
  name: string
  version: number
  current: number | null
  created_at: number
  created_by: string
  reason: string | null
  deleted_at: number | null
  deleted_by: string | null
  deleted_reason: string | null
}

interface VersionRow extends SummaryRow {
  document: string
}

const SUMMARY = `v.name, v.version, p.version AS current, v.created_at, v.created_by, v.reason,
  v.deleted_at, v.deleted_by, v.deleted_reason`

export function policyNames(sql: SqlStorage): string[] {
  return listPolicies(sql).map(({ name }) => name)
}

/** Every policy with its current version, by name. */
export function listPolicies(sql: SqlStorage): PolicySummary[] {
  return sql
    .exec<SummaryRow>(
      `SELECT ${SUMMARY} FROM policies p JOIN policy_versions v ON v.name = p.name AND v.version = p.version
       ORDER BY v.name`,
    )
    .toArray()
    .map((row) => summaryOf(sql, row))
}

/** Every deleted policy with the version that was the current one, by name. */
export function listDeleted(sql: SqlStorage): PolicySummary[] {
  return sql
    .exec<SummaryRow>(
      `SELECT ${SUMMARY}, max(v.deleted_at) FROM policy_versions v LEFT JOIN policies p ON p.name = v.name
       WHERE p.name IS NULL GROUP BY v.name ORDER BY v.name`,
    )
    .toArray()
    .map((row) => summaryOf(sql, row))
}

/** The versions of a policy, deleted or not, the newest first; those before `before` alone, where that is given. */
export function listVersions(
  sql: SqlStorage,
  name: string,
  before: number | null,
  most: number,
): PolicySummary[] {
  return sql
    .exec<SummaryRow>(
      `SELECT ${SUMMARY} FROM policy_versions v LEFT JOIN policies p ON p.name = v.name
       WHERE v.name = ?1 AND (?2 IS NULL OR v.version < ?2) ORDER BY v.version DESC LIMIT ?3`,
      ...[name, before, most],
    )
    .toArray()
    .map((row) => summaryOf(sql, row))
}

/** The current version, or the one asked for, which a deleted policy has as well; null where there is none. */
export function readPolicy(sql: SqlStorage, name: string, version: number | null = null): PolicyView | null {
  const row = sql
    .exec<VersionRow>(
      `SELECT ${SUMMARY}, v.document FROM policy_versions v LEFT JOIN policies p ON p.name = v.name
       WHERE v.version = coalesce(?, p.version) AND v.name = ?`,
      ...[version, name],
    )
    .toArray()[0]
  return row === undefined ? null : { ...summaryOf(sql, row), documentJson: row.document }
}

/** Makes an earlier version the current one again; a deleted policy is there again. The version must be on record. */
export function pointTo(sql: SqlStorage, name: string, version: number): void {
  if (readPolicy(sql, name) === null) refuseTooMany(sql)
  sql.exec('INSERT OR REPLACE INTO policies (name, version) VALUES (?, ?)', name, version)
}

/** Makes `documentJson` the current version. False, and nothing written, when it is already. */
export function writePolicy(
  sql: SqlStorage,
  {
    name,
    documentJson,
    by: { actor, reason },
  }: {
    readonly name: string
    readonly documentJson: string
    readonly by: Pick<ChangeContext, 'actor' | 'reason'>
  },
  nowMs: number,
): boolean {
  const current = readPolicy(sql, name)
  if (current?.documentJson === documentJson) return false
  if (current === null) refuseTooMany(sql)
  // After a roll back the current version is not the last one, and a deleted policy has none.
  const { last } = sql
    .exec<{ last: number | null }>('SELECT max(version) AS last FROM policy_versions WHERE name = ?', name)
    .one()
  const version = (last ?? 0) + 1
  sql.exec(
    `INSERT INTO policy_versions (name, version, document, created_at, created_by, reason)
     VALUES (?, ?, ?, ?, ?, ?)`,
    ...[name, version, documentJson, nowMs, actor, reason],
  )
  sql.exec('INSERT OR REPLACE INTO policies (name, version) VALUES (?, ?)', name, version)
  sql.exec('DELETE FROM policy_versions WHERE name = ? AND version <= ?', name, version - MOST_VERSIONS)
  return true
}

/** Deletes a policy; its versions stay, and the one that was current says who did it, when and why. */
export function deletePolicy(
  sql: SqlStorage,
  name: string,
  { actor, reason }: Pick<ChangeContext, 'actor' | 'reason'>,
  nowMs: number,
): void {
  sql.exec(
    `UPDATE policy_versions SET deleted_at = ?, deleted_by = ?, deleted_reason = ?
     WHERE name = ? AND version = (SELECT version FROM policies WHERE name = policy_versions.name)`,
    ...[nowMs, actor, reason, name],
  )
  sql.exec('DELETE FROM policies WHERE name = ?', name)
  sql.exec(
    `DELETE FROM policy_versions WHERE name IN (
       SELECT v.name FROM policy_versions v LEFT JOIN policies p ON p.name = v.name WHERE p.name IS NULL
       GROUP BY v.name ORDER BY max(v.deleted_at) DESC, v.name LIMIT -1 OFFSET ?)`,
    MOST_DELETED,
  )
}

function refuseTooMany(sql: SqlStorage): void {
  if (policyNames(sql).length < MOST.policies) return
  throw new Refusal('conflict', [
    `found ${MOST.policies} policies already; allowed: at most ${MOST.policies}`,
  ])
}

function summaryOf(sql: SqlStorage, row: SummaryRow): PolicySummary {
  const { name, version, current, created_at, created_by, reason, deleted_at, deleted_by, deleted_reason } =
    row
  return {
    name,
    version,
    createdAtMs: created_at,
    createdBy: created_by,
    reason,
    tag: etagOf(sql, `policy/${name}`),
    isCurrent: version === current,
    deletion: deleted_at === null ? null : { atMs: deleted_at, by: deleted_by ?? '', reason: deleted_reason },
  }
}
