/**
 * What the Worker and a PrincipalObject say to each other: one question a request, `admit`, and its answer.
 * Plain data, because it crosses an RPC boundary.
 */
import type { LegitiToolName } from '../legiti/tools.ts'
import type { Limited, Standing } from '../policy/counting.ts'
import type { Charge, Shadow } from '../policy/model.ts'

/** Carries an AdmitRequest to the principal's `fetch`, where an event feed is asked for: hash as hex, rest as JSON. */
export const FEED_HEADER = 'x-gatehouse-admit'

/** Who asks, and in which session; the same for every intent. */
export interface AdmitRequest {
  readonly tenant: string
  readonly grant: string
  /** SHA-256 of the token's secret part. The secret itself stays in the Worker. */
  readonly secretHash: Uint8Array
  /** Names this request in audit rows and reservations. */
  readonly requestId: string
  /** `Mcp-Session-Id` of the session era, or null. When given it must belong to a live session. */
  readonly transport: string | null
  /** The version of the tenant's configuration that the Worker used, or null where none matters. */
  readonly configVersion: string | null
  readonly intent: Intent
}

export type Intent =
  /** Authenticate and check the session, no more. */
  | { readonly kind: 'check' }
  /** Answer with the configuration: the Worker has none for this token yet. */
  | { readonly kind: 'configure' }
  /** `initialize`: open a session on a new transport. */
  | { readonly kind: 'open'; readonly protocolVersion: string }
  /** DELETE: end the session and its transport. */
  | { readonly kind: 'close' }
  /** `tools/list`: remember which configuration the client has seen. */
  | { readonly kind: 'list' }
  /** Refused in the Worker, by policy or because the arguments are wrong: write it down. */
  | {
      readonly kind: 'refuse'
      readonly call: CallRecord
      readonly decision: 'deny' | 'approval' | 'limit' | 'refuse'
      readonly rule: string
      readonly shadow: readonly Shadow[]
      readonly assumed: Assumed | null
    }
  | {
      readonly kind: 'call'
      readonly call: CallRecord
      /** The rule that allowed it, for the audit row. */
      readonly rule: string
      /** The argument `session` of the stateless era, or null. */
      readonly handle: string | null
      readonly charges: readonly Charge[]
      /** What rules in shadow would have done. */
      readonly shadow: readonly Shadow[]
      readonly assumed: Assumed | null
      readonly work: Work
    }

/**
 * What the Worker took for the account and the label when the policy asked for them: the principal knows. It is
 * null where the policy did not ask.
 */
export interface Assumed {
  readonly account: string | null
  readonly label: string
  /** The argument `session` of the stateless era, or null. */
  readonly handle: string | null
}

/** What an audit row says of a call. Argument names only, never a value. */
export interface CallRecord {
  readonly server: string
  readonly tool: string
  readonly argumentNames: readonly string[]
}

/** What the principal itself does for a call, in the transaction that decided it. */
export type Work =
  /** Nothing: the work is elsewhere. */
  | { readonly kind: 'none' }
  | { readonly kind: 'login'; readonly provider: string; readonly account: string }
  | { readonly kind: 'login_failed'; readonly account: string | null }
  | { readonly kind: 'logout' }
  | { readonly kind: 'whoami' }
  | { readonly kind: 'notify'; readonly tool: LegitiToolName; readonly args: Record<string, unknown> }

/** A session as its own principal may see it. Times are Unix milliseconds. */
export interface SessionView {
  readonly id: string
  readonly account: string | null
  readonly provider: string | null
  readonly startedAtMs: number
  readonly lastSeenAtMs: number
  readonly idleExpiresAtMs: number
  readonly expiresAtMs: number
  /** What `initialize` settled on, or null in the stateless era. */
  readonly protocolVersion: string | null
}

export type AdmitAnswer =
  /** Wrong, revoked, expired or unknown: nobody outside is told which. */
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'dead_session' }
  /** The Worker's configuration is not the current one: here it is (a TenantConfig as JSON), decide again. */
  | { readonly kind: 'stale'; readonly config: string }
  /** The Worker assumed another account or label: here they are, decide again. */
  | { readonly kind: 'context'; readonly account: string | null; readonly label: string }
  | { readonly kind: 'too_many_sessions'; readonly max: number }
  | { readonly kind: 'limited'; readonly limited: Limited }
  /** The handle given as `session` is of no live session of this principal. */
  | { readonly kind: 'dead_handle' }
  /** So much waits for Legiti that no more notifications are taken. */
  | { readonly kind: 'outbox_full' }
  | { readonly kind: 'admitted'; readonly admitted: Admitted }

export interface Admitted {
  readonly label: string
  readonly tenant: string
  /** The live session after the work, or null. */
  readonly session: SessionView | null
  readonly outcome: WorkOutcome
  /** The Worker should call `drain` once the client has its answer. */
  readonly drain: boolean
  /** Limits were charged: a call that surely did not happen may be given back by `refund`. */
  readonly charged: boolean
  /** How the limits of a call stand after it. */
  readonly standings: readonly Standing[]
}

export type WorkOutcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'opened'; readonly transport: string }
  | { readonly kind: 'closed' }
  | { readonly kind: 'logged_in'; readonly endedSession: string | null }
  | { readonly kind: 'logged_out'; readonly ended: SessionView | null }
  | { readonly kind: 'accepted'; readonly event: string }

/** Why a session ended; written once, in the session's row. */
export type EndReason = 'logout' | 'rotated' | 'deleted' | 'idle' | 'expired' | 'revoked'
