import { DurableObject } from 'cloudflare:workers'
import type { DirectoryCalls } from '../contract/directory-calls.ts'
import type { Env } from '../contract/env.ts'
import type { Page } from '../contract/tenant.ts'

/**
 * Which tenants there are, by name: one object for the whole deployment, so that its owner can list them. A tenant is
 * written down here before it is made and struck off when nothing of it is left, so none is ever missing; a name
 * whose making failed is one too many until it is struck off. Everything else of a tenant is asked of itself.
 *
 * No request of an agent comes here. Stores nothing before the first tenant (docs/decisions/0027-directory.md).
 */
export class TenantDirectory extends DurableObject<Env> implements DirectoryCalls {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
  }

  async add(tenant: string): Promise<void> {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, added_at INTEGER NOT NULL)')
    this.#sql.exec(
      `INSERT INTO tenants (name, added_at) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET added_at = excluded.added_at`,
      ...[tenant, Date.now()],
    )
  }

  async remove(tenant: string): Promise<void> {
    if (this.#exists()) this.#sql.exec('DELETE FROM tenants WHERE name = ?', tenant)
  }

  async removeUnmade(tenants: readonly string[], beforeMs: number): Promise<void> {
    if (!this.#exists()) return
    for (const tenant of tenants)
      this.#sql.exec('DELETE FROM tenants WHERE name = ? AND added_at < ?', tenant, beforeMs)
  }

  async names({ after, limit }: Page): Promise<readonly string[]> {
    if (!this.#exists()) return []
    return this.#sql
      .exec<{ name: string }>(
        'SELECT name FROM tenants WHERE name > ? ORDER BY name LIMIT ?',
        ...[after ?? '', limit],
      )
      .toArray()
      .map(({ name }) => name)
  }

  #exists(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'tenants'").toArray().length > 0
  }
}
