/** The transports on which a waiting call was asked for, so that each client is notified of the decision on its own. Synchronous SQL. */

/** One connection of the session era, and the login there that asked. */
export interface Asker {
  readonly transport: string
  /** Null: the call is nobody's. */
  readonly session: string | null
}

/** The most connections that are notified, the youngest first: a client that opens one for every command has left the others. */
const MOST_ASKERS = 20

/** Remembers who asks for a call that waits. A request of the stateless era has no connection to be told on. */
export function noteAsker(
  sql: SqlStorage,
  id: string,
  { transport, sessionId }: { readonly transport: string | null; readonly sessionId: string | null },
): void {
  if (transport === null) return
  const known = askersOf(sql, id)
  if (known.some((it) => it.transport === transport && it.session === sessionId)) return
  const askers = [...known, { transport, session: sessionId }].slice(-MOST_ASKERS)
  sql.exec('UPDATE approvals SET askers = ? WHERE id = ?', JSON.stringify(askers), id)
}

/** Everybody who has asked for it, the youngest last. */
export function askersOf(sql: SqlStorage, id: string): readonly Asker[] {
  const row = sql.exec<{ askers: string }>('SELECT askers FROM approvals WHERE id = ?', id).toArray()[0]
  return row === undefined ? [] : (JSON.parse(row.askers) as Asker[])
}
