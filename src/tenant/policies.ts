/** Policies: immutable numbered versions, and a pointer to the current one. */
import { type PolicySummary, type PolicyView, Refusal } from './contract.ts'

const MOST_POLICIES = 500
/** Of each policy; the oldest go first. */
const MOST_VERSIONS = 100

interface VersionRow extends Record<string, SqlStorageValue> {
  name: string
  version: number
  document: string
  created_at: number
}

export function policyNames(sql: SqlStorage): string[] {
  return listPolicies(sql).map(({ name }) => name)
}

/** Every policy with its current version, by name. */
export function listPolicies(sql: SqlStorage): PolicySummary[] {
  return sql
    .exec<{ name: string; version: number; at: number }>(
      `SELECT name, version, created_at AS at FROM policies JOIN policy_versions USING (name, version)
       ORDER BY name`,
    )
    .toArray()
    .map(({ name, version, at }) => ({ name, version, createdAtMs: at }))
}

/** The current version, or the one asked for; null where there is none. */
export function readPolicy(sql: SqlStorage, name: string, version: number | null = null): PolicyView | null {
  const row = sql
    .exec<VersionRow>(
      `SELECT v.* FROM policies p JOIN policy_versions v ON v.name = p.name AND v.version = coalesce(?, p.version)
       WHERE p.name = ?`,
      version,
      name,
    )
    .toArray()[0]
  if (row === undefined) return null
  return { name, version: row.version, createdAtMs: row.created_at, documentJson: row.document }
}

/** Makes `documentJson` the current version. False, and nothing written, when it is already. */
export function writePolicy(sql: SqlStorage, name: string, documentJson: string, nowMs: number): boolean {
  const current = readPolicy(sql, name)
  if (current?.documentJson === documentJson) return false
  if (current === null && policyNames(sql).length >= MOST_POLICIES) {
    throw new Refusal('conflict', [
      `found ${MOST_POLICIES} policies already; allowed: at most ${MOST_POLICIES}`,
    ])
  }
  const version = (current?.version ?? 0) + 1
  sql.exec('INSERT INTO policy_versions VALUES (?, ?, ?, ?)', name, version, documentJson, nowMs)
  sql.exec('INSERT OR REPLACE INTO policies (name, version) VALUES (?, ?)', name, version)
  sql.exec('DELETE FROM policy_versions WHERE name = ? AND version <= ?', name, version - MOST_VERSIONS)
  return true
}

export function deletePolicy(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM policies WHERE name = ?', name)
  sql.exec('DELETE FROM policy_versions WHERE name = ?', name)
}
