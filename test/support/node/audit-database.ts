/**
 * An audit database outside of the runtime, so that `kill -9` of the gateway does not hit it: SQLite behind HTTP, as
 * workerd's D1 binding speaks it. It can be told to misbehave.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { searchDatabase } from './searched.ts'
import { root } from './wrangler-dev.ts'

/** What happens to the next batch of statements. */
export type Mood =
  | 'ok'
  /** An error, and nothing is done. */
  | 'refuse'
  /** All is done, then the connection breaks. */
  | 'do_and_break'
  /** All is done twice before the answer. */
  | 'twice'
  /** No answer; nothing is done. */
  | 'hang'

export interface AuditDatabase {
  /** host:port. */
  readonly address: string
  readonly db: DatabaseSync
  /** Batches that came so far. */
  batches(): number
  /** Of each batch that comes, by its number from 0. */
  behave(mood: (batch: number) => Mood): void
  /** Called when a batch has come, and again when it has been done but not answered. */
  watch(look: (moment: 'came' | 'done') => void): void
  stop(): Promise<void>
}

interface Query {
  readonly sql: string
  readonly params?: readonly SQLInputValue[]
}

export async function startAuditDatabase({ tables = true } = {}): Promise<AuditDatabase> {
  const db = new DatabaseSync(':memory:')
  const folder = join(root, 'migrations')
  if (tables) for (const name of readdirSync(folder).sort()) db.exec(readFileSync(join(folder, name), 'utf8'))
  let batches = 0
  let mood: (batch: number) => Mood = () => 'ok'
  let look: (moment: 'came' | 'done') => void = () => {}

  const run = (queries: readonly Query[], form: string) => {
    db.exec('BEGIN')
    try {
      const results = queries.map(({ sql, params = [] }) => {
        const before = changes(db)
        const statement = db.prepare(sql)
        const rows = statement.all(...params) as Record<string, unknown>[]
        const names = statement.columns().map(({ name }) => name)
        const meta = { changes: changes(db) - before, duration: 0, rows_read: 0, rows_written: 0 }
        const table = { columns: names, rows: rows.map((row) => names.map((name) => row[name])) }
        return { success: true, results: form === 'ROWS_AND_COLUMNS' ? table : rows, meta }
      })
      db.exec('COMMIT')
      return results
    } catch (error) {
      db.exec('ROLLBACK')
      return { success: false, error: error instanceof Error ? error.message : 'failed' }
    }
  }

  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const asked = JSON.parse(text) as Query | Query[]
      const form = new URL(request.url ?? '', 'http://d1').searchParams.get('resultsFormat') ?? ''
      const isBatch = Array.isArray(asked)
      const queries = isBatch ? asked : [asked]
      const does = isBatch ? mood(batches) : 'ok'
      if (isBatch) {
        batches += 1
        look('came')
      }
      if (does === 'hang') return
      if (does === 'refuse') {
        response.end(JSON.stringify({ success: false, error: 'overloaded' }))
        return
      }
      if (does === 'twice') run(queries, form)
      const answer = run(queries, form)
      if (isBatch) look('done')
      if (does === 'do_and_break') response.destroy()
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return {
    address: `127.0.0.1:${bound.port}`,
    db,
    batches: () => batches,
    behave: (next) => {
      mood = next
    },
    watch: (next) => {
      look = next
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      try {
        searchDatabase('AUDIT_DB', db)
      } finally {
        db.close()
      }
    },
  }
}

function changes(db: DatabaseSync): number {
  return Number(db.prepare('SELECT total_changes() AS n').get()?.n)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
