/**
 * The base of every operation of a TenantObject: its database, its keys, its alarm, and the one way to make a change, which is a
 * transaction whose outcome is propagated to its principals.
 */
import { errorName, log } from '../../base/log.ts'
import { tenantDocument } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import { tenantDirectory } from '../../contract/objects.ts'
import {
  type Change,
  type ChangeContext,
  Refusal,
  type RefusedChange,
  type Removal,
} from '../../contract/tenant.ts'
import { schemaVersion } from '../../durable/migrate.ts'
import { type SecretKeys, secretKeys } from '../../secrets/seal.ts'
import { addressProblem } from '../../upstream/address.ts'
import { allowsPrivate } from '../../upstream/resolve.ts'
import { record } from '../tables/recording.ts'
import { migrate } from '../tables/schema.ts'
import { readTenant, sizeProblem, writeTenant } from '../tables/settings.ts'
import { newTenantProblem } from '../tables/tenant-name.ts'
import { openSecret } from '../tables/webhook-secrets.ts'
import { Propagator } from './propagator.ts'
import { Wake } from './wake.ts'
import { WebhookDelivery } from './webhook-delivery.ts'

/** The only actor who makes tenants (admin/who.ts). */
const ROOT = 'root'

/** The result of a transaction: the grants that it concerns, and the present state. */
export interface Done<T> {
  readonly created: boolean
  /** Grants whose principals must be told. */
  readonly touched: readonly string[]
  readonly now: T
}

export class Tenancy {
  readonly #ctx: DurableObjectState
  readonly sql: SqlStorage
  readonly #env: () => Env
  readonly wake: Wake
  readonly propagator: Propagator
  readonly webhooks: WebhookDelivery
  /** True where there is a tenant. An object without one has no table. */
  isThere: boolean

  /** @param env asked anew whenever it is used */
  constructor(ctx: DurableObjectState, env: () => Env) {
    this.#ctx = ctx
    this.#env = env
    this.sql = ctx.storage.sql
    this.isThere = schemaVersion(this.sql) > 0
    this.webhooks = new WebhookDelivery(() => this.#webhookContext())
    this.wake = new Wake({
      storage: ctx.storage,
      env,
      isThere: () => this.isThere,
      sendMs: (nowMs) => this.webhooks.nextMs(this.sql, nowMs),
    })
    this.propagator = new Propagator({ sql: this.sql, env, isThere: () => this.isThere, wake: this.wake })
    if (this.isThere) this.commit(() => migrate(this.sql))
  }

  get env(): Env {
    return this.#env()
  }

  /** The deployment's keys, or null where it has none. */
  keys(): SecretKeys | null {
    return secretKeys(this.env)
  }

  /** Reads from the tenant's tables; returns `otherwise` where there is no tenant. */
  read<T>(work: (sql: SqlStorage) => T, otherwise: T): T {
    return this.isThere ? work(this.sql) : otherwise
  }

  /** Runs reads and writes as one transaction. */
  commit<T>(work: () => T): T {
    return this.#ctx.storage.transactionSync(work)
  }

  /**
   * Runs `work` as one transaction, which makes the tenant where root asks for it, and tells the principals it touched.
   *
   * @param of what changes: `tenant`, which puts on record itself that it was made, or something that is the tenant's
   */
  async change<T>(
    tenant: string,
    by: ChangeContext,
    work: (nowMs: number) => Done<T>,
    of: 'tenant' | 'something' = 'something',
  ): Promise<Change<T>> {
    if (!this.isThere) {
      // A person of a tenant that went while they were asking.
      if (by.actor !== ROOT) return noTenant
      const wrong = newTenantProblem(tenant)
      if (wrong !== null) return { kind: 'invalid', problems: [wrong] }
      // Should this object die next, the directory has a name too many; never is one missing.
      await tenantDirectory(this.env).add(tenant)
    }
    let done: Done<T>
    let madeTenant = false
    try {
      done = this.commit(() => {
        const nowMs = Date.now()
        migrate(this.sql)
        this.#refuseLeaving()
        if (readTenant(this.sql) === null) {
          writeTenant(this.sql, { name: tenant, settings: tenantDocument().parse({}), isSaid: false }, nowMs)
          madeTenant = of !== 'tenant'
          if (madeTenant)
            record(this.sql, by, {
              action: 'tenant.create',
              subject: 'tenant',
              detail: { changed: '' },
              atMs: nowMs,
            })
        }
        const result = work(nowMs)
        const tooMuch = sizeProblem(this.sql)
        if (tooMuch !== null) throw new Refusal('conflict', [tooMuch])
        return result
      })
    } catch (error) {
      return refusedBy(error)
    }
    this.isThere = true
    const { created, now, touched } = done
    const isSuspended = readTenant(this.sql)?.isSuspended === true
    return {
      kind: 'done',
      created,
      madeTenant,
      isSuspended,
      now,
      ...(await this.propagator.propagate(touched)),
    }
  }

  /** Runs `work` as one transaction; it answers which grants it touched, or null where there is nothing to remove. */
  async remove(work: (nowMs: number) => readonly string[] | null): Promise<Removal> {
    if (!this.isThere) return { kind: 'absent' }
    let touched: readonly string[] | null
    try {
      touched = this.commit(() => {
        this.#refuseLeaving()
        return work(Date.now())
      })
    } catch (error) {
      return refusedBy(error)
    }
    if (touched === null) return { kind: 'absent' }
    return { kind: 'removed', ...(await this.propagator.propagate(touched)) }
  }

  /** Sends what is due to webhooks, behind whatever goes on. */
  sendSoon(): void {
    if (!this.isThere) return
    this.#ctx.waitUntil(
      this.webhooks.run().catch((error: unknown) => {
        log('error', 'tenant.webhooks_failed', { error: errorName(error) })
      }),
    )
  }

  /** Forgets everything, the alarm included. */
  async erase(): Promise<void> {
    this.isThere = false
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.#ctx.storage.deleteAlarm(), this.#ctx.storage.deleteAll()])
  }

  #refuseLeaving(): void {
    if (readTenant(this.sql)?.deletion)
      throw new Refusal('conflict', ['The tenant is being deleted. Wait until it is gone.'])
  }

  #webhookContext() {
    const tenant = readTenant(this.sql)?.name ?? ''
    return {
      sql: this.sql,
      tenant,
      commit: <T>(work: () => T) => this.commit(work),
      openSecret: (webhook: string, sealed: string) =>
        openSecret(this.keys(), { tenant, name: webhook, sealed }),
      addressProblem: (url: string) => (allowsPrivate(this.env) ? null : addressProblem(new URL(url))),
      rearm: () => this.wake.rearm(),
      isGone: () => !this.isThere,
      now: () => Date.now(),
      random: () => Math.random(),
    }
  }
}

const noTenant: RefusedChange = {
  kind: 'conflict',
  problems: ['There is no tenant of this name any more. With the root token, make one.'],
}

/** A Refusal as an answer; any other error stays one. */
export function refusedBy(error: unknown): RefusedChange {
  if (error instanceof Refusal) return { kind: error.kind, problems: error.problems }
  throw error
}
