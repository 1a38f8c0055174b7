/**
 * `GET /readyz`: tells whether this deployment can do its work now, beyond being configured. `/healthz` asks nothing else; this asks the
 * audit database. An upstream server that is ill makes no gateway unready, so open breakers are only listed, and only for the
 * deployment's owner: another tenant's servers must not be shown.
 */
import { type StoreError, tablesProblem } from '../audit/store.ts'
import type { Env } from '../contract/env.ts'
import { nativeStates } from '../deployment/native-servers.ts'
import type { NativeServerName } from '../names/native-servers.ts'
import { openBreakers } from '../upstream/health.ts'

/** Anybody may ask, so the database is asked this often at most, by each isolate. */
const ASKED_EVERY_MS = 5_000

/** The last answer. Never a promise: a request may not wait for what another has asked (workerd). */
let known: { readonly askedAtMs: number; readonly problem: StoreError['code'] | null } | null = null

export interface Readiness {
  readonly ready: boolean
  /** `none`: the deployment has no audit database, so rows stay where they were decided. */
  readonly audit_database: 'ok' | 'none' | StoreError['code']
  /** Each native server, `on` where the deployment has it: docs/native.md. */
  readonly native_servers: Readonly<Record<NativeServerName, 'on' | 'off'>>
  /** As this isolate has found them. */
  readonly open_breakers?: readonly { readonly tenant: string; readonly server: string }[]
}

/**
 * @param isOwner whether the deployment's owner asks
 * @param nowMs Unix milliseconds
 */
export async function readiness(env: Env, isOwner: boolean, nowMs: number): Promise<Readiness> {
  const problem = env.AUDIT_DB === undefined ? null : await databaseProblem(env.AUDIT_DB, nowMs)
  const audit_database = env.AUDIT_DB === undefined ? 'none' : (problem ?? 'ok')
  return {
    ready: problem === null,
    audit_database,
    native_servers: nativeStates(env),
    ...(isOwner ? { open_breakers: openBreakers() } : {}),
  }
}

async function databaseProblem(db: D1Database, nowMs: number): Promise<StoreError['code'] | null> {
  const ageMs = known === null ? Number.POSITIVE_INFINITY : nowMs - known.askedAtMs
  if (known !== null && ageMs >= 0 && ageMs < ASKED_EVERY_MS) return known.problem
  const problem = await tablesProblem(db)
  known = { askedAtMs: nowMs, problem }
  return problem
}
