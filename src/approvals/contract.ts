/**
 * Approvals: calls that a person must agree to, as the Worker, the principal that holds them and the tenant that lists
 * them say it to each other. Plain data: it crosses RPC boundaries. Arguments are known by their digest alone.
 */

/** What the Worker says of a call that the policy wants a person to approve. */
export interface ApprovalAsked {
  /** SHA-256 of the arguments' canonical JSON, as hex. */
  readonly digest: string
  /** The policy's words, for the agent and for whoever decides. */
  readonly message: string
  /** What the link begins with: scheme and host. */
  readonly origin: string
  /** The call brings answers to what a server has asked: perhaps it goes on with one that was approved. */
  readonly isRetry: boolean
}

export const approvalStates = ['pending', 'approved', 'denied', 'used', 'expired'] as const
/**
 * `approved`: the call may be made, once. `used`: it was. `expired`: the time was over before it was decided, or used.
 * A denial stays one.
 */
export type ApprovalState = (typeof approvalStates)[number]

/** A held call, for people and for its own agent. Times are Unix milliseconds. */
export interface ApprovalView {
  /** `apr_<grant>_<random>`. */
  readonly id: string
  readonly state: ApprovalState
  /** Grows with every change, from 1. */
  readonly revision: number
  readonly grant: string
  readonly sessionId: string | null
  readonly account: string | null
  readonly server: string
  readonly tool: string
  readonly argumentNames: readonly string[]
  readonly argumentsSha256: string
  /** The policy's rule, and the configuration that it stood in when the call was first asked for. */
  readonly rule: string
  readonly configVersion: string
  readonly message: string
  /** Where a person finds it. */
  readonly url: string
  readonly requestedAtMs: number
  /** Until when it can be decided, and an approved call be made. */
  readonly expiresAtMs: number
  readonly decidedAtMs: number | null
  /** `root` or `person:<name>`. */
  readonly decidedBy: string | null
  /** What the person said. */
  readonly reason: string | null
  readonly usedAtMs: number | null
}

/** Who decides; null for the root token, behind which nobody is known. */
export type Decider = { readonly name: string; readonly email: string | null } | null

export interface DecideRequest {
  readonly id: string
  readonly decision: 'approve' | 'deny'
  readonly reason: string | null
  readonly by: Decider
}

export type DecideAnswer =
  | { readonly kind: 'decided'; readonly approval: ApprovalView }
  /** This principal has no such approval. */
  | { readonly kind: 'absent' }
  /** It was decided otherwise, used, or is too old. */
  | { readonly kind: 'conflict'; readonly problem: string }
  /** Whoever asked may not be the one who approves. */
  | { readonly kind: 'own' }

/** Something that a principal tells its tenant, at least once. */
export type Announcement =
  | { readonly id: string; readonly atMs: number; readonly type: 'approval'; readonly data: ApprovalView }
  | {
      readonly id: string
      readonly atMs: number
      readonly type: 'legiti.dead_letter'
      readonly data: DeadLetter
    }

/** An event that Legiti will not get without a person; never what is in it. */
export interface DeadLetter {
  readonly grant: string
  readonly event: string
  readonly tool: string
  /** A stable code such as `http_400`, or that 72 hours are over. */
  readonly reason: string
}

/** How long a call waits for a decision unless the tenant says otherwise. Seconds. */
export const APPROVAL_SECONDS = 900

/** Calls of one principal that may wait at the same time. */
export const MOST_PENDING_APPROVALS = 100
