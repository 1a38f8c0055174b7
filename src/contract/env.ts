import type { Settings } from '../base/settings.ts'
import type { CountersCalls } from './counters-calls.ts'
import type { DirectoryCalls } from './directory-calls.ts'
import type { PrincipalCalls } from './principal-calls.ts'
import type { StandInCalls } from './stand-in.ts'
import type { TenantCalls } from './tenant-calls.ts'

/** The bindings of `wrangler.toml`, beside the deployment's variables and secrets. */
export interface Env extends Settings {
  readonly PRINCIPAL: DurableObjectNamespace<PrincipalCalls>
  /** The administrators' documents, one object a tenant. */
  readonly TENANT: DurableObjectNamespace<TenantCalls>
  /** Which tenants there are, one object for all. */
  readonly DIRECTORY: DurableObjectNamespace<DirectoryCalls>
  /** Counters of limits with scope `tenant`, one object a tenant. */
  readonly TENANT_COUNTERS: DurableObjectNamespace<CountersCalls>
  /** Translations between the eras that last longer than a request, one object an exchange. */
  readonly EXCHANGE: DurableObjectNamespace
  readonly LEGITI_STAND_IN: DurableObjectNamespace<StandInCalls>
  /** The database that audit rows are carried to. Absent on a bare runtime: then they stay in their objects, for 30 days. */
  readonly AUDIT_DB?: D1Database
  /** Counts failed authentications by client address. Absent on a bare runtime, where nothing is slowed. */
  readonly AUTH_FAILURES?: RateLimit
}

/** The types of a request's context in Hono. */
export interface WorkerContext {
  Bindings: Env
  Variables: {
    /** Names the answer, and the row of the audit trail that tells of it. */
    requestId: string
  }
}
