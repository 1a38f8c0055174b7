/** The record step: what the audit and the answer say of a decision. */
import type { AdmitAnswer, AdmitRequest, SessionView, WorkOutcome } from '../../contract/principal.ts'
import type { Standing, Taken } from '../../policy/counting.ts'
import type { AuditEntry } from '../log/entries.ts'
import { type Session, viewOf } from '../tables/sessions.ts'
import type { Place } from '../tables/whose.ts'
import type { AdmitContext } from './admit-context.ts'

/** Writes a decided call down, in the transaction of what it decides. */
export function record(
  context: AdmitContext,
  request: AdmitRequest,
  {
    session,
    row,
    decision,
    rule,
    taken = [],
  }: {
    readonly session: Session | null
    readonly row: Pick<AuditEntry, 'call' | 'shadow' | 'outcome' | 'approvalId'>
    readonly decision: AuditEntry['decision']
    readonly rule: string
    readonly taken?: readonly Taken[] | undefined
  },
): void {
  context.decisionLog.write({
    atMs: context.nowMs,
    requestId: request.requestId,
    sessionId: session?.id ?? null,
    account: session?.account ?? null,
    client: context.client,
    call: row.call,
    decision,
    rule,
    configVersion: context.config.version,
    taken,
    shadow: row.shadow,
    approvalId: row.approvalId ?? null,
    ...(row.outcome === undefined ? {} : { outcome: row.outcome }),
  })
}

/** The answer to a request that may go on. */
export function admitted(
  context: AdmitContext,
  { transport, session }: Place,
  outcome: WorkOutcome,
  { drain = false, charged = false, standings = [] as readonly Standing[] } = {},
): AdmitAnswer {
  const protocolVersion = transport?.protocolVersion ?? null
  const view: SessionView | null = session === null ? null : viewOf(session, protocolVersion)
  const { label, tenant } = context.grant
  const standing = { session: view, outcome, drain, charged, standings }
  const ofClient = { client: transport?.client ?? null, protocolVersion }
  return { kind: 'admitted', admitted: { label, tenant, ...standing, upstream: null, ...ofClient } }
}
