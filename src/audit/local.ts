/** Reads an object's own log: for verification, for live tails, and to find the time up to which a query is complete. */
import type { Cut, LocalRows, LogEvidence, LogHead, TenantLogs } from '../contract/audit-logs.ts'
import { forgetCheckpoints, readCheckpoints } from './checkpoints.ts'
import type { ObjectLog } from './object-log.ts'
import { readProgress } from './progress.ts'

export function readHead(log: ObjectLog): LogHead {
  const { chain, firstSeq, headSeq, headHash, frozenSeq } = readProgress(log.sql)
  const [oldest] = log.after(headSeq, 1)
  return { chain, firstSeq, headSeq, headHash, frozenSeq, oldestWaitingMs: oldest?.row.at ?? null }
}

/** `cut`: where retention has cut a log; checkpoints up to there are let go. */
export function readEvidence(log: ObjectLog, cut: Pick<Cut, 'chain' | 'seq'> | null): LogEvidence {
  const head = readHead(log)
  if (cut !== null && cut.chain === head.chain) forgetCheckpoints(log.sql, cut.seq)
  const earlier = readCheckpoints(log.sql).filter(({ seq }) => seq < head.headSeq)
  const last = head.headSeq === 0 ? [] : [{ seq: head.headSeq, hash: head.headHash }]
  return { ...head, checkpoints: [...earlier, ...last] }
}

export function readLocal(log: ObjectLog, seq: number, most: number): LocalRows {
  const { chain, headSeq } = readProgress(log.sql)
  const pending = log.after(seq, most)
  const rows = pending.map(({ row, waitsUntilMs }) => ({ ...row, isOpen: waitsUntilMs !== null }))
  return { chain, headSeq, lastSeq: Math.max(headSeq, log.last()), rows }
}

export function readTenantLogs(log: ObjectLog): TenantLogs {
  const { sql } = log
  const principals = sql
    .exec<{ name: string }>('SELECT name FROM audit_principals ORDER BY name')
    .toArray()
    .map(({ name }) => name)
  const cuts = sql
    .exec<Record<string, SqlStorageValue>>(
      'SELECT principal, chain, seq, hash, removed_seq AS removedSeq FROM audit_cuts',
    )
    .toArray() as unknown as Cut[]
  return { principals, cuts, own: readHead(log) }
}
