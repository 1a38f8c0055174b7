/**
 * Entries of a principal's log: a decision, the way in which its call ended, and a refund. A stored row of the log holds several, as JSON
 * arrays with commas between them. PURE.
 */
import type { ClientName } from '../../contract/client.ts'
import type { CallOutcomeKind, CallRecord, Settled } from '../../contract/principal.ts'
import type { Taken } from '../../policy/counting.ts'
import type { Shadow } from '../../policy/model.ts'

/** One decided call, or the end of a session. Names of arguments, never their values. */
export interface AuditEntry {
  readonly atMs: number
  readonly requestId: string
  readonly sessionId: string | null
  readonly account: string | null
  /** The client that asked; of a session that ended, the one that logged in. */
  readonly client: ClientName | null
  readonly call: CallRecord
  readonly decision: 'allow' | 'deny' | 'approval' | 'limit' | 'refuse' | 'end'
  readonly rule: string
  /** The id of the approval that it waits for, was denied or is made by; null for none. */
  readonly approvalId?: string | null
  readonly configVersion: string
  readonly taken: readonly Taken[]
  /** The results of rules in shadow. */
  readonly shadow: readonly Shadow[]
  /** The outcome, where it is known at once: the principal's own work is done in the same transaction. */
  readonly outcome?: CallOutcomeKind
}

/** An amount that a decision took from a counter, and until when the counter is kept: enough to count it once more. */
export type Charge = readonly [key: string, startMs: number, amount: string, keepUntilMs: number]

/** How a call ended. */
export type End = readonly [outcome: CallOutcomeKind, upstreamStatus: number | null, latencyMs: number | null]

/** A decision, or the end of a session. */
export interface Decision {
  readonly kind: 'decision'
  readonly seq: number
  readonly atMs: number
  readonly requestId: string
  readonly decision: AuditEntry['decision']
  readonly rule: string
  readonly server: string
  readonly tool: string
  readonly method: string | null
  readonly configVersion: string
  readonly argumentNames: readonly string[]
  readonly argumentsHmac: string | null
  readonly sessionId: string | null
  readonly account: string | null
  readonly client: string | null
  readonly clientVersion: string | null
  readonly charges: readonly Charge[]
  readonly shadow: readonly (readonly [action: string, rule: string])[]
  readonly approvalId: string | null
  /** Null: it is said by a settlement, if at all. */
  readonly end: End | null
}

export type Entry =
  | Decision
  /** How the call of an earlier decision ended. */
  | { readonly kind: 'settlement'; readonly seq: number; readonly end: End }
  /** The charges of a decision have been given back, those that are named. */
  | {
      readonly kind: 'refund'
      readonly seq: number
      readonly atMs: number
      readonly charges: readonly Charge[]
    }
  /** Stands with a decision whose refund is elsewhere: it is known as long as the decision is. */
  | { readonly kind: 'refunded'; readonly seq: number; readonly atMs: number }

/** A decision as it is written: the order of the elements is the format, which the view `audit` reads, too. */
type WrittenDecision = readonly [
  seq: number,
  atMs: number,
  requestId: string,
  decision: AuditEntry['decision'],
  rule: string,
  server: string,
  tool: string,
  method: string | null,
  configVersion: string,
  argumentNames: readonly string[],
  argumentsHmac: string | null,
  sessionId: string | null,
  account: string | null,
  client: string | null,
  clientVersion: string | null,
  charges: readonly Charge[],
  shadow: Decision['shadow'],
  approvalId: string | null,
  end: End | null,
]

type Written =
  | WrittenDecision
  | readonly [kind: 's', seq: number, ...end: End]
  | readonly [kind: 'r', seq: number, atMs: number, charges: readonly Charge[]]
  | readonly [kind: 'x', seq: number, atMs: number]

/** The most rules in shadow that are stored, the first ones. */
const MOST_SHADOW = 32

/** Writes down what was decided. */
export function encodeDecision(seq: number, entry: AuditEntry, charges: readonly Charge[]): string {
  const { call, client, outcome } = entry
  return JSON.stringify([
    seq,
    entry.atMs,
    entry.requestId,
    entry.decision,
    entry.rule,
    call.server,
    call.tool,
    call.method ?? null,
    entry.configVersion,
    call.argumentNames,
    call.argumentsHmac,
    entry.sessionId,
    entry.account,
    client?.name ?? null,
    client?.version ?? null,
    charges,
    entry.shadow.slice(0, MOST_SHADOW).map(({ action, rule }) => [action, rule] as const),
    entry.approvalId ?? null,
    outcome === undefined ? null : [outcome, null, null],
  ] satisfies WrittenDecision)
}

/** The end of a call as it was told. */
export function endOf({ outcome, upstreamStatus, latencyMs }: Settled): End {
  return [outcome, upstreamStatus, Math.round(latencyMs)]
}

/** The entry as it is stored. */
export function encode(entry: Entry): string {
  return JSON.stringify(written(entry))
}

function written(entry: Entry): Written {
  switch (entry.kind) {
    case 'settlement':
      return ['s', entry.seq, ...entry.end]
    case 'refund':
      return ['r', entry.seq, entry.atMs, entry.charges]
    case 'refunded':
      return ['x', entry.seq, entry.atMs]
    case 'decision':
      return [
        entry.seq,
        entry.atMs,
        entry.requestId,
        entry.decision,
        entry.rule,
        entry.server,
        entry.tool,
        entry.method,
        entry.configVersion,
        entry.argumentNames,
        entry.argumentsHmac,
        entry.sessionId,
        entry.account,
        entry.client,
        entry.clientVersion,
        entry.charges,
        entry.shadow,
        entry.approvalId,
        entry.end,
      ]
  }
}

/** The entries of a stored row, or of its rest from a comma on. Nothing but this module has written them. */
export function decode(text: string): readonly Entry[] {
  const all = JSON.parse(`[${text.startsWith(',') ? text.slice(1) : text}]`) as readonly Written[]
  return all.map(read)
}

function read(it: Written): Entry {
  switch (it[0]) {
    case 's':
      return { kind: 'settlement', seq: it[1], end: [it[2], it[3], it[4]] }
    case 'r':
      return { kind: 'refund', seq: it[1], atMs: it[2], charges: it[3] }
    case 'x':
      return { kind: 'refunded', seq: it[1], atMs: it[2] }
    default:
      return readDecision(it)
  }
}

function readDecision(it: WrittenDecision): Decision {
  return {
    kind: 'decision',
    seq: it[0],
    atMs: it[1],
    requestId: it[2],
    decision: it[3],
    rule: it[4],
    server: it[5],
    tool: it[6],
    method: it[7],
    configVersion: it[8],
    argumentNames: it[9],
    argumentsHmac: it[10],
    sessionId: it[11],
    account: it[12],
    client: it[13],
    clientVersion: it[14],
    charges: it[15],
    shadow: it[16],
    approvalId: it[17],
    end: it[18],
  }
}
