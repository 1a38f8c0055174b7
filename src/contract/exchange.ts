/** The protocol between the Worker and an ExchangeObject. Plain data, as JSON. */
import type { RpcMessage } from '../base/rpc.ts'
import type { Outgoing } from './outgoing.ts'
import type { SessionNames, UpstreamConfig, UpstreamProblem } from './upstream.ts'

/** Paths of the object's `fetch`. */
export const paths = {
  begin: '/begin',
  continue: '/continue',
  ask: '/ask',
  answer: '/answer',
  attend: '/attend',
  watched: '/watched',
  watch: '/watch',
  subscribe: '/subscribe',
  erase: '/erase',
} as const

/** The server, with its credentials still sealed. */
export interface Destination {
  readonly tenant: string
  readonly config: UpstreamConfig
  /** As in UpstreamLink; absent in what older versions asked. */
  readonly hops?: string
}

/** Begins a call of a stateless-era client in a session of the upstream's. */
export interface Begin extends Destination {
  /** `<tenant>/<grant>`. */
  readonly owner: string
  /** The login that it belongs to; null: to none. Absent in requests of older versions. */
  readonly login?: string | null
  /** Id of the request that begins it: by that the principal knows what was approved for it. */
  readonly begunBy: string
  readonly session: SessionNames
  readonly request: Outgoing
  readonly capabilities: Readonly<Record<string, unknown>>
  /** Headers of the client's that are passed on. */
  readonly trace: readonly (readonly [string, string])[]
}

/** A call is under way in a session of the upstream's: what the server says there outside of it may be for it. */
export interface Attend extends Destination {
  readonly session: SessionNames
}

export type AttendLine =
  /** The stream on which the server would say it is open, or there is none. */
  { readonly kind: 'ready' } | { readonly kind: 'said'; readonly message: RpcMessage }

/** Goes on with it: the client's retry. */
export interface Continue {
  readonly owner: string
  readonly server: string
  readonly secret: string
  /** As in Begin. */
  readonly login?: string | null
  /** The call that the principal was asked about. */
  readonly begunBy: string
  readonly request: Outgoing
}

/** A line of the object about a call. */
export type ExchangeLine =
  | Step
  /** The upstream does not know the session any more, and has done nothing. */
  | { readonly kind: 'forgotten' }
  /** The session has ended upstream, but the call is answered. */
  | { readonly kind: 'over' }
  /** A retry that is none of this call. */
  | { readonly kind: 'refused'; readonly why: Refusal }

export type Refusal =
  /** Unknown, used, expired, lost, or another client's: the answer does not say which. */
  | 'unknown'
  /** The retry asks for something else than the call that it claims to go on with. */
  | 'changed'

/** Waits for a session-era client's answers to questions. */
export interface Ask {
  readonly owner: string
  /** The session's transport: nobody else's answer counts. */
  readonly transport: string
  /** The number of questions, counted from 0. */
  readonly count: number
}

/** One answer, as it arrived. */
export interface Answer {
  readonly owner: string
  readonly transport: string
  readonly secret: string
  readonly index: number
  readonly message: RpcMessage
}

export type AskLine =
  /** From now on answers are taken for this secret. */
  | { readonly kind: 'ready'; readonly secret: string }
  | { readonly kind: 'answered'; readonly index: number; readonly message: RpcMessage }
  | { readonly kind: 'late' }

/**
 * The watched resources that are not asked of the server. The Worker decides that of all that `watched` lists. A resource that is added
 * between that answer and this request is not among them: it was decided just then.
 */
interface Withholding {
  /** Absent in what older versions asked. */
  readonly withheld?: readonly string[]
}

/** Opens, for a session-era client's GET stream, a subscription at a server of the stateless era. */
export interface WatchFor extends Destination, Withholding {
  readonly client: {
    readonly capabilities: Readonly<Record<string, unknown>>
    readonly clientInfo: Readonly<Record<string, unknown>>
  }
}

/** Adds a resource to those that a session watches, or takes it out. */
export interface Subscribe extends Withholding {
  readonly tenant: string
  readonly uri: string
  readonly isWatched: boolean
}

/** The time that a question waits for the client. */
export const ANSWER_MS = 5 * 60_000

/** One step, already in the client's own words. */
export type Step =
  /** A notification, or a question of the server's. */
  | { readonly kind: 'note'; readonly message: RpcMessage }
  /** The last but for nothing; `status` is the HTTP status of the upstream. */
  | { readonly kind: 'answer'; readonly message: RpcMessage; readonly status: number }
  | { readonly kind: 'problem'; readonly problem: UpstreamProblem }
