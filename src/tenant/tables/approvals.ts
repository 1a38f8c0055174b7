/**
 * The tenant's list of calls that wait for a person, from its principals' announcements. It is a copy: a decision goes to the
 * principal that holds the call, and its announcement updates the list.
 */

import {
  type Announcement,
  type ApprovalCursor,
  type ApprovalState,
  type ApprovalView,
  stateAt,
} from '../../contract/approvals.ts'
import type { ApprovalsLeft } from '../../contract/tenant.ts'
import { retention } from '../../durable/retention.ts'
import { announce, type WebhookAnnouncement } from './announcements.ts'
import { recordChange } from './changes.ts'

const KEEP_MS = 30 * 24 * 3_600_000
export const approvalRetention = retention({ table: 'approvals', column: 'expires_at', keepMs: KEEP_MS })

/** Stores an announcement of a principal. The same one a second time changes nothing. */
export function takeAnnouncement(sql: SqlStorage, announcement: Announcement): void {
  if (announcement.type === 'legiti.dead_letter')
    announce(sql, { ...announcement, data: { ...announcement.data } })
  else takeApproval(sql, announcement.id, announcement.data, announcement.atMs)
}

function takeApproval(sql: SqlStorage, id: string, approval: ApprovalView, atMs: number): void {
  const before = sql
    .exec<{ revision: number; state: ApprovalState }>(
      'SELECT revision, state FROM approvals WHERE id = ?',
      approval.id,
    )
    .toArray()[0]
  if (before !== undefined && before.revision >= approval.revision) return
  sql.exec(
    `INSERT INTO approvals (id, revision, state, requested_at, expires_at, view) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state, expires_at = excluded.expires_at,
       view = excluded.view`,
    ...[approval.id, approval.revision, approval.state, approval.requestedAtMs, approval.expiresAtMs],
    JSON.stringify(approval),
  )
  const { state } = approval
  // Nothing else is told of one whose time is over.
  if (approval.expiresAtMs <= atMs) {
    const { reason: _, ...detail } = detailOf(approval)
    const closed = { atMs, actor: 'gateway', action: 'approval.close', subject: `approval/${approval.id}` }
    recordChange(sql, { ...closed, detail: { ...detail, from: before?.state ?? null } })
    return
  }
  if (state === 'pending') announce(sql, announcementOf(id, 'approval.pending', approval, atMs))
  if (isDecision(state, before?.state ?? null)) {
    announce(sql, announcementOf(id, 'approval.decided', approval, atMs))
    recordChange(sql, {
      atMs: approval.decidedAtMs ?? atMs,
      actor: approval.decidedBy ?? 'gateway',
      action: state === 'denied' ? 'approval.deny' : 'approval.approve',
      subject: `approval/${approval.id}`,
      detail: detailOf(approval),
    })
  }
}

/** Tells whether a person has said something; an approval that is given back has been announced before. */
function isDecision(state: ApprovalState, before: ApprovalState | null): boolean {
  return state !== before && (state === 'denied' || (state === 'approved' && before !== 'used'))
}

/** As JSON, so that a change's detail holds it. */
const MOST_REASON = 1_000

function detailOf({ grant, server, tool, rule, argumentsHmac, reason, usedAtMs }: ApprovalView) {
  return {
    grant,
    server,
    tool,
    rule,
    arguments_hmac: argumentsHmac,
    reason: reason === null ? null : shortened(reason),
    // The use before a denial that came after it.
    ...(usedAtMs === null ? {} : { used: new Date(usedAtMs).toISOString() }),
  }
}

function shortened(reason: string): string {
  const isLong = (text: string) => JSON.stringify(text).length > MOST_REASON
  if (!isLong(reason)) return reason
  let text = reason.slice(0, MOST_REASON)
  while (isLong(`${text}…`)) text = text.slice(0, Math.floor(text.length * 0.9))
  return `${text}…`
}

function announcementOf(
  id: string,
  type: 'approval.pending' | 'approval.decided',
  approval: ApprovalView,
  atMs: number,
): WebhookAnnouncement {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  const { state, decidedAtMs, decidedBy, reason, usedAtMs } = approval
  const decision = {
    state,
    decided_at: iso(decidedAtMs),
    decided_by: decidedBy,
    reason,
    used_at: iso(usedAtMs),
  }
  const data = {
    approval: approval.id,
    grant: approval.grant,
    session: approval.sessionId,
    account: approval.account,
    server: approval.server,
    tool: approval.tool,
    argument_names: approval.argumentNames,
    arguments_hmac: approval.argumentsHmac,
    rule: approval.rule,
    message: approval.message,
    policy_version: approval.configVersion,
    requested_at: iso(approval.requestedAtMs),
    expires_at: iso(approval.expiresAtMs),
    url: approval.url,
    ...(type === 'approval.decided' ? decision : {}),
  }
  return { id, type, data, atMs }
}

/** Each mentions ?1, the time, for SQLite takes no parameter that a statement does not have. Fixed text, never a caller's. */
const states: Readonly<Record<ApprovalState, string>> = {
  pending: "state = 'pending' AND expires_at > ?1",
  approved: "state = 'approved' AND expires_at > ?1",
  denied: "state = 'denied' AND ?1 > 0",
  used: "(state = 'used' OR (state = 'asking' AND expires_at <= ?1))",
  asking: "state = 'asking' AND expires_at > ?1",
  expired: "state IN ('pending', 'approved', 'expired') AND expires_at <= ?1",
}

/** A page of approvals, the youngest first. */
export function listApprovals(
  sql: SqlStorage,
  { state, after, limit }: { state: ApprovalState | null; after: ApprovalCursor | null; limit: number },
  nowMs: number,
): ApprovalView[] {
  return sql
    .exec<{ view: string }>(
      `SELECT view FROM approvals WHERE ${state === null ? '?1 > 0' : states[state]} AND (requested_at, id) < (?2, ?3)
       ORDER BY requested_at DESC, id DESC LIMIT ?4`,
      ...[nowMs, after?.requestedAtMs ?? Number.MAX_SAFE_INTEGER, after?.id ?? '', limit],
    )
    .toArray()
    .map(({ view }) => current(JSON.parse(view) as ApprovalView, nowMs))
}

/** As it is now: time goes by without a word. */
function current(approval: ApprovalView, nowMs: number): ApprovalView {
  return { ...approval, state: stateAt(approval, nowMs) }
}

/** The open approvals of a grant before a change of it, and where the list ended. */
export interface ApprovalsBefore {
  readonly open: ReadonlyMap<string, ApprovalState>
  readonly lastRow: number
}

/** By the beginning of its id (approvals/id.ts), which the index finds; a name holds neither `_` nor the character behind it. */
const OF_GRANT = "id > 'apr_' || ?1 || '_' AND id < 'apr_' || ?1 || '`'"

type OpenRow = { rowid: number; id: string; view: string }

export function approvalsBefore(sql: SqlStorage, grant: string, nowMs: number): ApprovalsBefore {
  const { last } = sql.exec<{ last: number | null }>('SELECT max(rowid) AS last FROM approvals').one()
  return { open: openOf(sql, grant, nowMs), lastRow: last ?? 0 }
}

/** Counts those that were closed since, also those that the list did not have before, and those that are open. */
export function approvalsLeft(
  sql: SqlStorage,
  grant: string,
  { open: before, lastRow }: ApprovalsBefore,
  nowMs: number,
): ApprovalsLeft {
  const stateOf = ({ view }: Pick<OpenRow, 'view'>) => current(JSON.parse(view) as ApprovalView, nowMs).state
  const isClosed = (was: ApprovalState, is: ApprovalState) =>
    is === 'expired' || (was === 'asking' && is === 'used')
  const known = [...before].filter(([id, was]) => {
    const [row] = sql.exec<OpenRow>('SELECT rowid, id, view FROM approvals WHERE id = ?', id).toArray()
    return row !== undefined && isClosed(was, stateOf(row))
  })
  const unknown = sql
    .exec<OpenRow>(`SELECT rowid, id, view FROM approvals WHERE ${OF_GRANT} AND rowid > ?2`, grant, lastRow)
    .toArray()
    .filter((row) => stateOf(row) === 'expired')
  return { closed: known.length + unknown.length, open: openOf(sql, grant, nowMs).size }
}

function openOf(sql: SqlStorage, grant: string, nowMs: number): ReadonlyMap<string, ApprovalState> {
  const rows = sql.exec<{ id: string; state: ApprovalState }>(
    `SELECT id, state FROM approvals
     WHERE ${OF_GRANT} AND state IN ('pending', 'approved', 'asking') AND expires_at > ?2`,
    grant,
    nowMs,
  )
  return new Map(rows.toArray().map(({ id, state }) => [id, state]))
}
