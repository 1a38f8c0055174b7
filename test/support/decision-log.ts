/** Decisions written past a living object, as its own transactions would write them. */
import { runInDurableObject } from 'cloudflare:test'
import { DecisionLog } from '../../src/principal/log/decision-log.ts'
import type { AuditEntry } from '../../src/principal/log/entries.ts'
import { principal } from './gateway.ts'

/** One transaction on the log of an object that is not using it meanwhile. */
export function inLog<T>(storage: DurableObjectStorage, work: (log: DecisionLog) => T): T {
  const log = new DecisionLog(storage.sql)
  return storage.transactionSync(() => within(log, work))
}

/** `work` with a log, inside a transaction that has begun. */
export function within<T>(log: DecisionLog, work: (log: DecisionLog) => T): T {
  log.begin()
  const result = work(log)
  log.finish()
  return result
}

/** A decision that says little. */
export function decided(entry: Partial<AuditEntry> = {}): AuditEntry {
  return {
    atMs: Date.now(),
    requestId: crypto.randomUUID(),
    sessionId: null,
    account: null,
    client: null,
    call: { server: 'crm', tool: 'find', argumentNames: [], argumentsHmac: null },
    decision: 'allow',
    rule: '/tools/find',
    configVersion: 'v1',
    taken: [],
    shadow: [],
    ...entry,
  }
}

/** The counters of a principal, as its object would have them if it started now. */
export function counted(name?: string): Promise<{ key: string; window_start: number; used: string }[]> {
  return runInDurableObject(principal(name), (_, { storage }) => {
    const { sql } = storage
    let found: { key: string; window_start: number; used: string }[] = []
    try {
      storage.transactionSync(() => {
        within(new DecisionLog(sql), (log) => log.save())
        found = sql
          .exec<(typeof found)[number]>(
            'SELECT key, window_start, used FROM counters ORDER BY window_start, key',
          )
          .toArray()
        throw ONLY_READ
      })
    } catch (error) {
      if (error !== ONLY_READ) throw error
    }
    return found
  })
}

const ONLY_READ = new Error('taken back')
