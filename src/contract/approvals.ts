/**
 * Approvals: calls that a person must agree to, as the Worker, the principal that holds them and the tenant that lists
 * them say it to each other. Plain data: it crosses RPC boundaries. Values of arguments are in `ApprovalContent` alone.
 */
import type { JsonType } from '../base/json.ts'
import type { ClientName } from './client.ts'

/** The Worker's part of a call that the policy wants a person to approve. */
export interface ApprovalAsked {
  /** Digests of the arguments, the one to keep first; a call with one of them has the same arguments: digests.ts. */
  readonly digests: readonly string[]
  /** The policy's rule that wants it. */
  readonly rule: string
  /** The policy's message, for the agent and for the approver. */
  readonly message: string
  /** The beginning of the link: the address of the tenant's pages (origin.ts). */
  readonly base: string | null
  /** The question that the call goes on with, where it answers one of its server; null for a call that begins: continuation.ts. */
  readonly continues: string | null
  /** The principal may not know yet that the server has asked. */
  readonly isEarly: boolean
  /**
   * The content for an approver, sealed: content.ts. Null: there are no keys to seal it with. A Worker of an earlier version, while this
   * one is rolled out, leaves it out.
   */
  readonly content?: string | null
}

/** The content of a call, for those who may decide about it. Plain data. */
export interface ApprovalContent {
  /** By name; a marker stands in the place of what is concealed. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** The `_meta` that is forwarded with the call; null: it has none. It may be another when the call is made. */
  readonly meta: Readonly<Record<string, unknown>> | null
  /**
   * The places of concealed values, as paths such as `args.card.number` or `args.cards[*].number`. A text that looks like a marker and
   * stands elsewhere is the agent's own.
   */
  readonly concealed: readonly string[]
  /** Members that are too long to be kept, and so are not among the others. */
  readonly omitted: readonly Omitted[]
}

export interface Omitted {
  /** `args.<name>`, `_meta.<name>`, or `args` or `_meta` for all of it. */
  readonly path: string
  readonly type: JsonType
  /** Bytes of its JSON. */
  readonly bytes: number
}

export const noContents = ['decided', 'over', 'no_keys', 'other_keys', 'not_kept'] as const
/**
 * Why an approval has no content. `over`: its time is, or the grant or tenant does not call at present. `no_keys`: there are
 * none to seal it with. `other_keys`: none of those there are opens it. `not_kept`: it was asked for when nothing was kept.
 */
export type NoContent = (typeof noContents)[number]

/** A held call as those see it who may decide about it. */
export interface JudgedApproval {
  readonly approval: ApprovalView
  readonly content: ApprovalContent | null
  /** Why `content` is null; null where it is not. */
  readonly absent: NoContent | null
}

/** The same as a principal says it: `content` is its JSON, for RPC knows no number as it was written (exact-json.ts). */
export interface JudgedText {
  readonly approval: ApprovalView
  readonly content: string | null
  readonly absent: NoContent | null
}

export const approvalStates = ['pending', 'approved', 'denied', 'used', 'asking', 'expired'] as const
/**
 * `approved`: the call may be made, once. `used`: it was. `asking`: its server has asked for input before it does anything,
 * and only the call that brings it goes on. `expired`: the time was over before it was decided, or used. A denial stays one.
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
  /** The client that asked first, as it calls itself; null where it has not said. */
  readonly client: ClientName | null
  readonly server: string
  readonly tool: string
  readonly argumentNames: readonly string[]
  /** As in the audit trail: audit/arguments-hmac.ts. */
  readonly argumentsHmac: string | null
  /** The policy's rule, and the configuration that it stood in when the call was first asked for. */
  readonly rule: string
  readonly configVersion: string
  readonly message: string
  /** The address of its page; null where the deployment does not know its own address. */
  readonly url: string | null
  readonly requestedAtMs: number
  /** Until when it can be decided, and an approved call be made. */
  readonly expiresAtMs: number
  readonly decidedAtMs: number | null
  /** `root` or `person:<name>`. */
  readonly decidedBy: string | null
  /** The person's reason. */
  readonly reason: string | null
  /** When a call was last made by it; of one that was denied, too. Null: none was, or it surely did not happen. */
  readonly usedAtMs: number | null
}

/**
 * The state at `nowMs` of one whose state was written down earlier: what was neither decided nor used in time has expired, and
 * what nobody went on with was used.
 */
export function stateAt(
  { state, expiresAtMs }: Pick<ApprovalView, 'state' | 'expiresAtMs'>,
  nowMs: number,
): ApprovalState {
  if (expiresAtMs > nowMs) return state
  if (state === 'asking') return 'used'
  return state === 'pending' || state === 'approved' ? 'expired' : state
}

/** The person who decides; null for the root token, behind which nobody is known. */
export type Decider = {
  readonly name: string
  readonly email: string | null
  /** The other names by which sessions know this person. */
  readonly accounts: readonly string[]
} | null

export interface DecideRequest {
  readonly id: string
  readonly decision: 'approve' | 'deny'
  readonly reason: string | null
  /** The revision that the approver has seen, where it must still be that one; absent or null: any. */
  readonly revision?: number | null
  readonly by: Decider
  /** The person whose agent the grant is, or null. */
  readonly owner: string | null
}

/** Why an approval that a call has used is given back. */
export type GivenBack =
  /** The call surely did not happen. `isAnswered`: its server said so. */
  | { readonly kind: 'undone'; readonly isAnswered: boolean }
  /** Its server asks for input first; only a call that goes on with `continuation` is meant. */
  | { readonly kind: 'asking'; readonly continuation: string }

export type DecideAnswer =
  | { readonly kind: 'decided'; readonly approval: ApprovalView }
  /** This principal has no such approval. */
  | { readonly kind: 'absent' }
  /** It was decided otherwise, used, or is too old. */
  | { readonly kind: 'conflict'; readonly problem: string }
  /** The approval has changed since the approver has seen it. */
  | { readonly kind: 'stale' }
  /** The person who asked may not be the one who approves. */
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

/** The time that a call waits for a decision unless the tenant sets another. Seconds. */
export const APPROVAL_SECONDS = 900

/** The number of times that a server's answers may give back one approval, so that no answer can make a call repeat without end. */
export const MOST_REOPENINGS = 8

/** Calls of one principal that may wait at the same time. */
export const MOST_PENDING_APPROVALS = 100

/** The position where a page of the list begins: behind this approval. */
export interface ApprovalCursor {
  readonly requestedAtMs: number
  readonly id: string
}
