/** Policies: immutable numbered versions, and a pointer to the current one. */
import { type By, type PolicySummary, type PolicyView, Refusal } from './contract.ts'
import { stampOf } from './stamps.ts'

const MOST_POLICIES = 500
/** Of each policy; the oldest go first. */
const MOST_VERSIONS = 100

interface SummaryRow extends Record<string, SqlStorageValue> {
  name: string
  version: number
  current: number
  created_at: number
  created_by: string
  reason: string | null
}

interface VersionRow extends SummaryRow {
  document: string
}

const SUMMARY = 'v.name, v.version, p.version AS current, v.created_at, v.created_by, v.reason'

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

/** The versions of a policy, the newest first; those before `before` alone, where that is given. */
export function listVersions(
  sql: SqlStorage,
  name: string,
  before: number | null,
  most: number,
): PolicySummary[] {
  return sql
    .exec<SummaryRow>(
      `SELECT ${SUMMARY} FROM policies p JOIN policy_versions v ON v.name = p.name
       WHERE p.name = ?1 AND (?2 IS NULL OR v.version < ?2) ORDER BY v.version DESC LIMIT ?3`,
      ...[name, before, most],
    )
    .toArray()
    .map((row) => summaryOf(sql, row))
}

/** The current version, or the one asked for; null where there is none. */
export function readPolicy(sql: SqlStorage, name: string, version: number | null = null): PolicyView | null {
  const row = sql
    .exec<VersionRow>(
      `SELECT ${SUMMARY}, v.document FROM policies p
       JOIN policy_versions v ON v.name = p.name AND v.version = coalesce(?, p.version) WHERE p.name = ?`,
      ...[version, name],
    )
    .toArray()[0]
  return row === undefined ? null : { ...summaryOf(sql, row), documentJson: row.document }
}

/** Makes an earlier version the current one again. It must be there. */
export function pointTo(sql: SqlStorage, name: string, version: number): void {
  sql.exec('UPDATE policies SET version = ? WHERE name = ?', version, name)
}

/** Makes `documentJson` the current version. False, and nothing written, when it is already. */
export function writePolicy(
  sql: SqlStorage,
  name: string,
  documentJson: string,
  { actor, reason }: Pick<By, 'actor' | 'reason'>,
  nowMs: number,
): boolean {
  const current = readPolicy(sql, name)
  if (current?.documentJson === documentJson) return false
  if (current === null && policyNames(sql).length >= MOST_POLICIES) {
    throw new Refusal('conflict', [
      `found ${MOST_POLICIES} policies already; allowed: at most ${MOST_POLICIES}`,
    ])
  }
  // After a roll back the current version is not the last one.
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

export function deletePolicy(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM policies WHERE name = ?', name)
  sql.exec('DELETE FROM policy_versions WHERE name = ?', name)
}

function summaryOf(sql: SqlStorage, row: SummaryRow): PolicySummary {
  const { name, version, current, created_at, created_by, reason } = row
  return {
    name,
    version,
    createdAtMs: created_at,
    createdBy: created_by,
    reason,
    tag: stampOf(sql, `policy/${name}`),
    isCurrent: version === current,
  }
}
