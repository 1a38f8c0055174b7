/** Carries administrative changes to the audit database, and lets go what the tenant does not keep any longer. */
import { carry } from '../../audit/carry.ts'
import { readEvidence } from '../../audit/local.ts'
import { retain } from '../../audit/retention.ts'
import type { Cut, LogEvidence } from '../../contract/audit-logs.ts'
import { TENANT_LOG } from '../../contract/audit-row.ts'
import { retentionDays } from '../../contract/config.ts'
import { principalObject } from '../../contract/objects.ts'
import { changesLog } from '../tables/changes.ts'
import { LONGEST_RETRY_MS } from '../tables/propagation.ts'
import { readTenant } from '../tables/settings.ts'
import { inTime } from './in-time.ts'
import type { Tenancy } from './tenancy.ts'

export class AuditKeeping {
  readonly #tenancy: Tenancy
  #running: Promise<void> = Promise.resolve()

  constructor(tenancy: Tenancy) {
    this.#tenancy = tenancy
  }

  run(): Promise<void> {
    this.#running = this.#run()
    return this.#running
  }

  /** Waits until a run that is on its way has ended, however. */
  async quiet(): Promise<void> {
    await this.#running.catch(() => {})
  }

  /** Returns the object's records of its own log after `cut`; earlier ones are let go. Null: there is no tenant. */
  evidence(cut: Pick<Cut, 'chain' | 'seq'> | null): LogEvidence | null {
    if (!this.#tenancy.isThere) return null
    return this.#tenancy.commit(() => readEvidence(changesLog(this.#tenancy.sql), cut))
  }

  async #run(): Promise<void> {
    const { sql, env, wake } = this.#tenancy
    const { AUDIT_DB: db } = env
    const tenant = readTenant(sql)
    if (db === undefined || tenant === null) return
    const { name, settings } = tenant
    const commit = async <T>(work: () => T) => this.#tenancy.commit(work)
    const now = () => Date.now()
    // Should this run die on its way, the alarm takes over.
    wake.keepingUntilMs = now() + LONGEST_RETRY_MS
    await wake.rearm()
    try {
      await carry({ log: changesLog(sql), db, tenant: name, principal: TENANT_LOG, commit, now })
      const evidence = async (principal: string, cut: Pick<Cut, 'chain' | 'seq'> | null) =>
        principal === TENANT_LOG
          ? this.evidence(cut)
          : inTime<LogEvidence | null>(principalObject(env, name, principal).auditEvidence(cut))
      await retain({ sql, db, tenant: name, days: retentionDays(settings), evidence, commit, now })
    } finally {
      wake.keepingUntilMs = null
    }
  }
}
