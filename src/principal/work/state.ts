/** The state of a running PrincipalObject, and the one way in which it writes. */
import type { ObjectLog } from '../../audit/object-log.ts'
import type { Env } from '../../contract/env.ts'
import type { Grant } from '../../contract/grant.ts'
import { isDeployed } from '../../deployment/native-servers.ts'
import { Commits } from '../../durable/commits.ts'
import { DecisionLog } from '../log/decision-log.ts'
import { principalLog } from '../tables/audit-log.ts'
import { readGrant, writeGrant } from '../tables/grants.ts'
import { RememberedRows } from '../tables/remembered.ts'
import { migrate, schemaVersion } from '../tables/schema.ts'
import { Alarm } from './alarm.ts'

/** Storage, and what memory knows of it: a cache, for everything that matters is read back after an eviction. */
export class PrincipalState {
  /** For every statement: what it may change is not remembered any longer. */
  readonly sql: SqlStorage
  readonly storage: DurableObjectStorage
  readonly alarm: Alarm
  /** Leases of another run of this object are void. */
  readonly incarnation = crypto.randomUUID()
  /** Null: none was ever installed, or everything was forgotten, maybe while somebody waited. */
  grant: Grant | null = null
  /** An alarm has ended before all rows were deleted whose time is over: the next has to follow at once. */
  purgesOn = false
  /** The deployment has Legiti. Read once, for every admission asks: another value comes with another isolate. */
  readonly hasLegiti: boolean
  /** Tells whether an event stream of this transport, which there is, is open. */
  readonly hasStream: (transport: string) => boolean
  readonly rows: RememberedRows
  readonly decisionLog: DecisionLog
  /** The same as rows of the audit trail. */
  readonly auditLog: ObjectLog
  readonly #commits: Commits
  readonly #env: () => Env

  /** @param env asked anew every time */
  constructor(storage: DurableObjectStorage, env: () => Env, hasStream: (transport: string) => boolean) {
    this.hasStream = hasStream
    this.storage = storage
    this.rows = new RememberedRows(storage.sql)
    this.sql = this.rows.sql
    this.decisionLog = new DecisionLog(this.sql)
    this.auditLog = principalLog(this.sql, this.decisionLog)
    this.alarm = new Alarm(storage)
    this.#commits = new Commits(
      storage,
      () => {
        const restoreAlarm = this.alarm.remember()
        this.decisionLog.begin()
        return () => {
          restoreAlarm()
          this.decisionLog.undo()
          this.rows.forget()
        }
      },
      () => this.decisionLog.finish(),
    )
    this.#env = env
    this.hasLegiti = isDeployed(env(), 'legiti')
  }

  get env(): Env {
    return this.#env()
  }

  /** The name of this principal in the log; empty where there is no grant. */
  get name(): string {
    return this.grant === null ? '' : `${this.grant.tenant}/${this.grant.name}`
  }

  /** Runs reads and writes as one transaction. Should it fail, what memory holds of it is read again. */
  async write<T>(work: () => T): Promise<T> {
    try {
      return await this.#commits.run(work)
    } catch (error) {
      this.grant = schemaVersion(this.sql) === 0 ? null : readGrant(this.sql)
      await this.alarm.read()
      throw error
    }
  }

  /** Writes the grant down, and the tables before it. Call inside a transaction. */
  install(grant: Grant): void {
    migrate(this.sql)
    writeGrant(this.sql, grant, Date.now())
    this.reread()
  }

  /** Reads the grant again after a statement has changed it. */
  reread(): void {
    this.grant = readGrant(this.sql)
  }
}
