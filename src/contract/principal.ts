/**
 * The protocol between the Worker and a PrincipalObject: one question a request, `admit`, and its answer. Plain data, because it crosses
 * an RPC boundary.
 */
import type { LegitiToolName } from '../legiti/tools/all.ts'
import type { Limited, Standing } from '../policy/counting.ts'
import type { Charge, Shadow } from '../policy/model.ts'
import type { ApprovalAsked, ApprovalView } from './approvals.ts'
import type { ClientName } from './client.ts'
import type { Credential } from './credential.ts'

/** Carries an AdmitRequest to the principal's `fetch`, where an event feed is asked for, as JSON. */
export const FEED_HEADER = 'x-gatehouse-admit'

/** Carries the Admitted, as JSON, on the answer that opens a feed. */
export const ADMITTED_HEADER = 'x-gatehouse-admitted'

/** The caller and its session; the same for every intent. */
export interface AdmitRequest {
  readonly tenant: string
  readonly grant: string
  readonly credential: Credential
  /** Names this request in audit rows and reservations. */
  readonly requestId: string
  /** `Mcp-Session-Id` of the session era, or null. When given it must be of a live transport. */
  readonly transport: string | null
  /** The session that the request names, or null: it names none. When given it must be live. */
  readonly handle: string | null
  /** The version of the tenant's configuration that the Worker used, or null where none matters. */
  readonly configVersion: string | null
  /**
   * The upstream whose session the Worker wants to know, for the login that the request belongs to. `owner` null: of the
   * transport; otherwise a key of the stateless era, such as "stateless:ab12".
   */
  readonly upstream: AskedUpstream | null
  /**
   * The client that a request names which is to be put on record. Absent where it names none, where its transport does, and
   * from a Worker of an earlier version.
   */
  readonly client?: ClientName
  /** The outcomes of earlier calls: written in the same transaction, so that no call needs a write of its own. */
  readonly settled: readonly Settled[]
  readonly intent: Intent
}

export interface AskedUpstream {
  readonly server: string
  readonly owner: string | null
  /**
   * The tag of the session whose server has asked what the message is about. The message then belongs to the login of that session,
   * and the session is given only while both are live: no other takes its place.
   */
  readonly asker?: string
  /** Those of all logins that are live on the transport are wanted as well: what is said is about the client itself. */
  readonly isForAll?: boolean
}

/** The outcome of one call. Where the request id is not known, or is settled already, nothing is written. */
export interface Settled {
  readonly requestId: string
  readonly outcome: CallOutcomeKind
  /** HTTP status of the upstream, or null where it sent none. */
  readonly upstreamStatus: number | null
  readonly latencyMs: number
}

/** As many as one request or one `settle` may carry; what is beyond is not written. */
export const MOST_SETTLED = 256

export const callOutcomeKinds = [
  'result',
  'tool_error',
  'rpc_error',
  'not_delivered',
  'timeout',
  'broken',
  'cancelled',
  'refused',
  /** The outcome cannot be known: the client may have the answer from elsewhere. */
  'unknown',
] as const
export type CallOutcomeKind = (typeof callOutcomeKinds)[number]

/** A session that this principal has with an upstream server. */
export interface UpstreamSession {
  readonly server: string
  /** The upstream's `Mcp-Session-Id`, or null: it keeps none. */
  readonly id: string | null
  readonly protocolVersion: string
  /**
   * The name of the session towards the client, who cannot make up another's. It stays the same for as long as the session does. Absent
   * in answers of older versions.
   */
  readonly tag?: string
}

/** Remembers a session that the Worker has opened upstream: compare-and-set, so that of two only one is kept. */
export interface BindRequest {
  readonly credential: Credential
  /** As in AdmitRequest; the transport's own upstream session is bound where `owner` is null. */
  readonly transport: string | null
  readonly owner: string | null
  /** The login that it was opened for: that of the admission, whatever has begun since. Null: for requests without a login. */
  readonly login: string | null
  readonly server: string
  /** The address at which it was opened. */
  readonly url: string
  /** The incarnation of the registration that it was opened with; absent: the present one, as older versions meant it. */
  readonly incarnation?: string | undefined
  /**
   * The id of the session that this one replaces, for the upstream forgot it (null: one without an id).
   * Undefined: none is known, so the new one counts only where there is none.
   */
  readonly replaces: string | null | undefined
  readonly session: { readonly id: string | null; readonly protocolVersion: string }
}

export type BindAnswer =
  /** The session that counts from now on: another than the one offered where another was first. */
  | {
      readonly kind: 'bound'
      readonly session: UpstreamSession
      /** The client's earlier preferences, which the session must learn of; absent where there are none. */
      readonly wishes?: Preferences
    }
  | { readonly kind: 'dead_session' }
  | { readonly kind: 'unauthorized' }

/** Asks whether a session upstream is to be opened; `replaces` as in BindRequest. */
export type ClaimRequest = Omit<BindRequest, 'session'>

export type ClaimAnswer =
  /** The Worker is to open it, and to bind it or say that it could not. */
  | { readonly kind: 'open' }
  /** Somebody else has. */
  | { readonly kind: 'bound'; readonly session: UpstreamSession }
  | { readonly kind: 'dead_session' }
  | { readonly kind: 'unauthorized' }

/** A preference of a client's at a server, which lasts as long as its connection or the login in which it was made. */
export type Preference =
  | { readonly kind: 'level'; readonly level: string }
  | { readonly kind: 'resource'; readonly uri: string; readonly isWatched: boolean }

/** All that it has asked of one server. */
export interface Preferences {
  readonly level: string | null
  readonly uris: readonly string[]
}

/** Stores a preference of a session-era client's that its server has granted. */
export interface PreferenceRequest {
  readonly credential: Credential
  readonly transport: string
  /** Null: it holds for all servers that the connection reaches, now or later. */
  readonly server: string | null
  /** The login that the request belonged to; null: to none. Absent in requests of older versions. */
  readonly login?: string | null
  readonly incarnation: string
  /** The server's address; '' where the preference holds for all servers. */
  readonly url: string
  readonly wish: Preference
}

/** Tells the client of a connection that a server has taken up a new session, and does not send these updates in it. */
export interface LossRequest {
  readonly credential: Credential
  readonly transport: string
  readonly server: string
  readonly uris: readonly string[]
}

/** Forgets a session that its upstream has ended. */
export interface ForgetRequest extends Pick<BindRequest, 'credential' | 'transport' | 'owner' | 'server'> {
  /** The upstream's own; another that has taken its place stays. */
  readonly id: string
}

export type Intent =
  /** Authenticate and check the session, no more. */
  | { readonly kind: 'check' }
  /** Answer with the configuration: the Worker has none for this token yet. */
  | { readonly kind: 'configure' }
  /**
   * `initialize`: open a transport. `client` is what the client said of itself, as JSON
   * `{capabilities, clientInfo}`; the Worker bounds it to 16 KiB.
   */
  | { readonly kind: 'open'; readonly protocolVersion: string; readonly client: string }
  /** DELETE: end the transport, and the logins that were made on it. */
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
      readonly charges: readonly Charge[]
      /** The results of rules in shadow. */
      readonly shadow: readonly Shadow[]
      readonly assumed: Assumed | null
      /** A person must approve the call, or null: the policy allows it as it is. */
      readonly approval: ApprovalAsked | null
      /**
       * The call is at its server and waits there, held by the gateway: it is gone on with, not made anew. Id of the request
       * that began it, empty where it cannot be known; null for a call that is made now.
       */
      readonly begunBy: string | null
      readonly work: Work
    }

/** Tells whether a request of this intent is put on record, whatever becomes of it. */
export function isOnRecord(intent: Intent): intent is Extract<Intent, { kind: 'call' | 'refuse' }> {
  return intent.kind === 'call' || intent.kind === 'refuse'
}

/**
 * The account and the label that the Worker assumed when the policy asked for them: only the principal knows them for sure. Null where
 * the policy did not ask.
 */
export interface Assumed {
  readonly account: string | null
  readonly label: string
}

/** The part of an audit row that describes a call. Argument names only, never a value. */
export interface CallRecord {
  /** Absent: `tools/call`. */
  readonly method?: string
  readonly server: string
  /** For a request to read: `resource`, or `prompt/<name>`. */
  readonly tool: string
  readonly argumentNames: readonly string[]
  /** Tells calls with the same arguments: audit/arguments-hmac.ts. */
  readonly argumentsHmac: string | null
}

/** The work that the principal itself does for a call, in the transaction that decided it. */
export type Work =
  /** Nothing: the work is elsewhere. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'login'
      readonly provider: string
      readonly account: string
      readonly evidence?: LoginEvidence
    }
  | { readonly kind: 'login_failed'; readonly account: string | null }
  | { readonly kind: 'logout' }
  | { readonly kind: 'whoami' }
  | { readonly kind: 'notify'; readonly tool: LegitiToolName; readonly args: Record<string, unknown> }

/** The evidence of its login that a session keeps, so that the identity provider can end it, or it can end the provider's. */
export type LoginEvidence =
  | {
      readonly kind: 'jwt'
      readonly issuer: string
      readonly subject: string
      /** The issuer's own session, or null where the token named none. */
      readonly sid: string | null
      /** The number of logouts that the tenant had seen when it learnt of this login: docs/decisions/0024. */
      readonly knownLogouts: number
    }
  /** `sealedToken`: the store's own, sealed for `storeTokenContext`. */
  | { readonly kind: 'magento'; readonly store: string; readonly sealedToken: string }

/** The sessions to end, as an administrator or an issuer names them. */
export type SessionsToEnd =
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'all' }
  /** Those of an account that began until `atMs`. */
  | { readonly kind: 'account'; readonly account: string; readonly atMs: number }
  /** Those that an issuer means by a logout: of its session, or of all the subject's when `sid` is null. */
  | {
      readonly kind: 'subject'
      readonly issuer: string
      readonly subject: string | null
      readonly sid: string | null
      /** The logout's own number: logins that know of it stay. */
      readonly logout: number
    }

/** The result of sealing anew the tokens that a principal keeps. */
export type ResealAnswer =
  | {
      readonly kind: 'resealed'
      readonly resealed: number
      /** Still sealed with another key. */
      readonly left: number
      /** The number of them that no key opens, as far as this question has come. */
      readonly stuck: number
    }
  /** The key that was named is not the one that seals here. */
  | { readonly kind: 'other_key' }

/** A session as its own principal may see it. Times are Unix milliseconds. */
export interface SessionView {
  readonly id: string
  readonly account: string
  readonly provider: string | null
  readonly startedAtMs: number
  readonly lastSeenAtMs: number
  readonly idleExpiresAtMs: number
  readonly expiresAtMs: number
  /** The revision that `initialize` negotiated on the request's transport; null without a transport. */
  readonly protocolVersion: string | null
}

/** `exhausted`: its server has asked for input too often. `late`: the time of its approval is over. */
export type StoppedCall = 'exhausted' | 'late'

/** A person has yet to approve the call, or has denied it: nothing was charged or done. */
export interface HeldAnswer {
  readonly kind: 'approval'
  readonly approval: ApprovalView
  /** Why the call, which was approved and began, does not go on; null where it has not begun, or was denied. */
  readonly stopped: StoppedCall | null
  /** The client's introduction on the transport, as JSON, and the revision that its `initialize` negotiated; null without a transport. */
  readonly client: string | null
  readonly protocolVersion: string | null
  /** The Worker should call `drain` once the client has its answer. */
  readonly drain: boolean
}

export type AdmitAnswer =
  /** Wrong, revoked, expired or unknown: the answer to the caller does not say which. */
  | { readonly kind: 'unauthorized' }
  /** The tenant is suspended: nothing of it is served. */
  | { readonly kind: 'suspended' }
  | { readonly kind: 'dead_session' }
  /** The Worker's configuration is not the current one: here it is (a TenantConfig as JSON), decide again. */
  | { readonly kind: 'stale'; readonly config: string }
  /** The Worker assumed another account or label: here they are, decide again. */
  | { readonly kind: 'context'; readonly account: string | null; readonly label: string }
  | { readonly kind: 'too_many_sessions'; readonly max: number }
  | { readonly kind: 'limited'; readonly limited: Limited }
  /** The handle that was given is of no live session of this principal. */
  | { readonly kind: 'dead_handle' }
  /** The outbox for Legiti is full, so that no more notifications are taken. */
  | { readonly kind: 'outbox_full' }
  | HeldAnswer
  /** The most calls of this principal wait for a person already, so that this one is not taken. */
  | { readonly kind: 'approvals_full'; readonly max: number }
  | { readonly kind: 'admitted'; readonly admitted: Admitted }

export interface Admitted {
  readonly label: string
  readonly tenant: string
  /** The login that the request belongs to, after the work; null: to none. */
  readonly session: SessionView | null
  readonly outcome: WorkOutcome
  /** The Worker should call `drain` once the client has its answer. */
  readonly drain: boolean
  /** Limits were charged: a call that surely did not happen may be given back by `refund`. */
  readonly charged: boolean
  /** The state of a call's limits after it. */
  readonly standings: readonly Standing[]
  /** The live session with the upstream that was asked for, or null. */
  readonly upstream: UpstreamSession | null
  /** Those of all logins on the transport, where that was asked for. */
  readonly upstreams?: readonly UpstreamSession[]
  /** The client's introduction on the transport, as JSON, and the revision that its `initialize` negotiated; null without a transport. */
  readonly client: string | null
  readonly protocolVersion: string | null
}

export type WorkOutcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'opened'; readonly transport: string }
  | { readonly kind: 'closed' }
  | { readonly kind: 'logged_in'; readonly endedSession: string | null }
  /** The issuer ended its session while this login was on its way. */
  | { readonly kind: 'login_refused' }
  | { readonly kind: 'logged_out'; readonly ended: SessionView | null }
  /** The call names no session where each must: so many are live. */
  | { readonly kind: 'unnamed'; readonly live: number }
  | { readonly kind: 'accepted'; readonly event: string }

/** Why a session ended; written once, in the session's row. */
export type EndReason =
  | 'logout'
  | 'rotated'
  | 'deleted'
  | 'idle'
  | 'expired'
  | 'revoked'
  | 'backchannel'
  | 'administrator'

export interface SessionPage {
  readonly sessions: readonly SessionView[]
  /** The row of each of them, so that a page can be cut: `after` of the page behind it. */
  readonly rows: readonly number[]
  /** `after` of the next page; null: there is none. */
  readonly next: number | null
}

/** A request of a connection's, by the id that its client has given it, as JSON. */
export interface CancellationKey {
  readonly transport: string
  readonly id: string
}

/** The client's own reason, where it gives one. */
export interface CancellationNotice {
  readonly reason: string | null
}

/** Tells that a request was cancelled. */
export interface CancelRequest extends CancellationKey, CancellationNotice {
  readonly credential: Credential
}

/** Asks for the news that a request is cancelled. */
export interface AwaitCancellation extends CancellationKey {
  readonly credential: Credential
  /** The id of the client's HTTP request. */
  readonly requestId: string
  /** The time since that began. */
  readonly ageMs: number
  readonly mostMs: number
}
