/**
 * Calls that wait for a person, as this principal holds them. Synchronous SQL: whoever decides a call, or the use of one,
 * is in the caller's transaction, together with what the tenant is to be told of it.
 */
import { approvalId, approvalUrl } from '../../approvals/id.ts'
import {
  type ApprovalAsked,
  type ApprovalView,
  type GivenBack,
  MOST_PENDING_APPROVALS,
  MOST_REOPENINGS,
} from '../../contract/approvals.ts'
import type { ClientName } from '../../contract/client.ts'
import type { CallRecord, StoppedCall } from '../../contract/principal.ts'
import { noteAsker } from './approval-askers.ts'
import { keepContent } from './approval-contents.ts'
import { type ApprovalRow, announced, viewOf } from './approval-rows.ts'

/**
 * A call, and where it is asked for. It is the same call as another where account, server, tool, rule and arguments are the
 * same: many clients open a connection, and log in, for every command, so neither is part of it
 * (docs/decisions/0038-what-an-approver-sees.md).
 */
export interface HeldCall {
  readonly transport: string | null
  readonly sessionId: string | null
  /** Null: it is nobody's, so it is the grant's alone. */
  readonly account: string | null
  /** The incarnation of the server's registration, '' where it has none: a registration made again under the name is another server. */
  readonly incarnation: string
  readonly client: ClientName | null
  readonly call: CallRecord
  readonly asked: ApprovalAsked
}

/** The further values that are stored with a call that is held for the first time. */
export interface HoldContext {
  readonly sql: SqlStorage
  readonly grant: string
  readonly configVersion: string
  readonly expiresInMs: number
  /** When the grant ends, or null: what it asked for is nobody's to look at then. */
  readonly grantEndsMs: number | null
  readonly nowMs: number
  readonly newId: () => string
}

export type Held =
  /** It may be made: `useApproval` it when nothing else objects. */
  | { readonly kind: 'approved'; readonly id: string }
  /** It is at its server, and goes on there; by which approval, where that is known. */
  | { readonly kind: 'under_way'; readonly id: string | null }
  /** It waits, or was denied; or it was made, and what a server asked is on its way: then it is given back soon. */
  | { readonly kind: 'held'; readonly approval: ApprovalView }
  /** It began, and does not go on. */
  | { readonly kind: StoppedCall; readonly approval: ApprovalView }
  /** Too many calls wait already to take this one. */
  | { readonly kind: 'full' }

/**
 * Finds what a person said of this call, or holds it. The same call asked again finds the approval that it has, as long as
 * that is neither used nor too old. One whose server asks for input is found by the call that brings it alone.
 */
export function holdCall(context: HoldContext, held: HeldCall): Held {
  const { sql, grant, nowMs } = context
  const continued = continuedBy(context, held)
  if (continued !== null) return continued
  const row = said(sql, held, nowMs)
  if (row?.state === 'approved') return { kind: 'approved', id: row.id }
  if (row === null && countPending(sql, nowMs) >= MOST_PENDING_APPROVALS) return { kind: 'full' }
  const approval = row === null ? begin(context, held) : viewOf(row, grant, nowMs)
  // Also of one that is known: keys, policy and grant may have been others when it was first asked for.
  if (approval.state === 'pending') {
    keep(context, held.asked, approval)
    noteAsker(sql, approval.id, held)
  }
  return { kind: 'held', approval }
}

/** Keeps what an approver is shown, as long as somebody may decide. */
function keep({ sql, grantEndsMs }: HoldContext, { content = null }: ApprovalAsked, approval: ApprovalView) {
  const { id, expiresAtMs } = approval
  if (content !== null) keepContent(sql, id, content, Math.min(expiresAtMs, grantEndsMs ?? expiresAtMs))
}

/**
 * The youngest that counts. One that was asked for while an earlier one was at its server does not hide that the earlier one
 * came back, and may be used.
 */
function said(sql: SqlStorage, held: HeldCall, nowMs: number): ApprovalRow | null {
  const row = newest(sql, held, { nowMs, which: "state IN ('pending', 'approved', 'denied')" })
  if (row?.state !== 'pending') return row
  const decided = newest(sql, held, { nowMs, which: "state IN ('approved', 'denied')" })
  return decided?.state === 'approved' ? decided : row
}

/** Returns the decision on the call that this one goes on with; null where there is none, so that this one counts by itself. */
function continuedBy({ sql, grant, nowMs }: HoldContext, held: HeldCall): Held | null {
  const { continues, isEarly } = held.asked
  const own =
    continues === null ? null : newest(sql, held, { nowMs, which: 'continuation = ?', values: [continues] })
  if (own?.state === 'asking') return { kind: 'approved', id: own.id }
  if (own?.state === 'denied') return { kind: 'held', approval: viewOf(own, grant, nowMs) }
  if (own !== null && own.reopenings > MOST_REOPENINGS)
    return { kind: 'exhausted', approval: viewOf(own, grant, nowMs) }
  // Its server has asked, but that may not have been told here yet.
  const atServer = isEarly ? newest(sql, held, { nowMs, which: AT_SERVER }) : null
  return atServer === null ? null : { kind: 'held', approval: viewOf(atServer, grant, nowMs) }
}

/** Made, and perhaps not over; denied meanwhile, too. */
const AT_SERVER = "(state = 'used' OR (state = 'denied' AND request_id IS NOT NULL))"

/**
 * Tells whether the call that the request `begunBy` began, and that waits at its server since, may go on. The approval that it began by
 * counts, under whatever rule. The exchange checks that it is the same login that asks.
 */
export function goesOn(
  { sql, grant, nowMs }: Pick<HoldContext, 'sql' | 'grant' | 'nowMs'>,
  begunBy: string,
): Held {
  const row = sql.exec<ApprovalRow>('SELECT * FROM approvals WHERE request_id = ?', begunBy).toArray()[0]
  // Nobody was asked about it.
  if (row === undefined) return { kind: 'under_way', id: null }
  const approval = viewOf(row, grant, nowMs)
  if (row.state === 'denied') return { kind: 'held', approval }
  return row.state === 'used' && row.expires_at > nowMs
    ? { kind: 'under_way', id: row.id }
    : { kind: 'late', approval }
}

/** The youngest that is of exactly this call and still in its time. `which` is fixed text, never a caller's. */
function newest(
  sql: SqlStorage,
  { account, incarnation, call, asked }: HeldCall,
  {
    nowMs,
    which,
    values = [],
  }: {
    readonly nowMs: number
    readonly which: string
    readonly values?: readonly (string | number)[]
  },
): ApprovalRow | null {
  const rows = sql.exec<ApprovalRow>(
    `SELECT * FROM approvals WHERE arguments IN (SELECT value FROM json_each(?)) AND account IS ? AND server = ?
       AND (incarnation = ? OR incarnation IS NULL) AND tool = ? AND rule = ? AND expires_at > ? AND ${which} ORDER BY seq DESC LIMIT 1`,
    ...[
      JSON.stringify(asked.digests),
      account,
      call.server,
      incarnation,
      call.tool,
      asked.rule,
      nowMs,
      ...values,
    ],
  )
  return rows.toArray()[0] ?? null
}

function begin({ sql, grant, configVersion, expiresInMs, nowMs, newId }: HoldContext, held: HeldCall) {
  const { sessionId, account, client, incarnation, call, asked } = held
  const [digest] = asked.digests
  if (digest === undefined) throw new RangeError('found no digest of the arguments; allowed: one at least')
  const id = approvalId(grant, newId())
  sql.exec(
    `INSERT INTO approvals (id, session_id, account, client, server, incarnation, tool, arguments, arguments_hmac, argument_names, rule,
       config_version, message, url, requested_at, expires_at, state, revision)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 1)`,
    ...[id, sessionId, account, client === null ? null : JSON.stringify(client)],
    ...[call.server, incarnation, call.tool, digest, call.argumentsHmac],
    ...[
      JSON.stringify(call.argumentNames),
      asked.rule,
      configVersion,
      asked.message,
      // A Worker of an earlier version, while this one is rolled out, does not say it.
      asked.base ? approvalUrl(asked.base, id) : '',
    ],
    ...[nowMs, nowMs + expiresInMs],
  )
  return announced(sql, { id, grant }, nowMs)
}

/** The approved call is being made, or gone on with, by this request. */
export function useApproval(
  sql: SqlStorage,
  {
    id,
    requestId,
    grant,
  }: {
    readonly id: string
    readonly requestId: string
    readonly grant: string
  },
  nowMs: number,
): void {
  sql.exec(
    `UPDATE approvals SET state = 'used', used_at = ?, request_id = ?, revision = revision + 1
     WHERE id = ? AND state IN ('approved', 'asking')`,
    ...[nowMs, requestId, id],
  )
  announced(sql, { id, grant }, nowMs)
}

/**
 * Gives back the approval that `requestId` used, since its call was not made: it may be made again, as it was, or by the call alone that
 * goes on with it. A call that was denied meanwhile stays denied, and an approval that a server's answers have given back too often stays
 * used. Returns the approval's id; null where there was none, its time is over, or it was given back before.
 */
export function giveBackApproval(
  sql: SqlStorage,
  {
    requestId,
    how,
    grant,
  }: {
    readonly requestId: string
    readonly how: GivenBack
    readonly grant: string
  },
  nowMs: number,
): string | null {
  const row = sql
    .exec<ApprovalRow>(
      "SELECT * FROM approvals WHERE request_id = ? AND state IN ('used', 'denied') AND expires_at > ?",
      ...[requestId, nowMs],
    )
    .toArray()[0]
  if (row === undefined) return null
  const continuation = how.kind === 'asking' ? how.continuation : row.continuation
  const isCounted = how.kind === 'asking' || how.isAnswered
  const reopenings = row.reopenings + (isCounted ? 1 : 0)
  // Nothing at all has come of it.
  const usedAt = continuation === null ? null : row.used_at
  const isOpened = row.state === 'used' && reopenings <= MOST_REOPENINGS
  const state = !isOpened ? row.state : continuation === null ? 'approved' : 'asking'
  sql.exec(
    `UPDATE approvals SET state = ?, used_at = ?, request_id = NULL, continuation = ?, reopenings = ?,
       revision = revision + 1 WHERE id = ?`,
    ...[state, state === 'used' ? row.used_at : usedAt, continuation, reopenings, row.id],
  )
  announced(sql, { id: row.id, grant }, nowMs)
  return row.id
}

function countPending(sql: SqlStorage, nowMs: number): number {
  return sql
    .exec<{ n: number }>(
      "SELECT count(*) AS n FROM approvals WHERE state = 'pending' AND expires_at > ?",
      nowMs,
    )
    .one().n
}
