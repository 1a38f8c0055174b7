/** The audit database: D1, one table for all tenants. Every statement names the tenant first. */
import { type AuditRow, fields, type Log } from '../contract/audit-row.ts'

/** The database did not do what was asked; its message may quote a statement, so it is never logged. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: 'no_table' | 'no_column' | 'failed' | 'slow' | 'unconfirmed'

  constructor(code: StoreError['code']) {
    super(code)
    this.code = code
  }
}

const columns = [...fields, 'hash'] as const
const INSERT = `INSERT INTO audit (tenant, principal, chain, ${columns.join(', ')})
  SELECT ?1, ?2, ?3, ${columns.map((_, i) => `json_extract(value, '$[${i}]')`).join(', ')}
  FROM json_each(?4) WHERE TRUE ORDER BY json_extract(value, '$[0]')
  ON CONFLICT (tenant, principal, chain, seq) DO NOTHING`
const CONFIRM = `SELECT count(*) AS held, max(CASE WHEN seq = ?5 THEN hash END) AS hash FROM audit
  WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq BETWEEN ?4 AND ?5`

/**
 * Puts rows of one log there; those that are there already stay as they are. Returns when the database has been seen
 * to hold all of them, and the last with the hash that it should have: an answer alone proves nothing.
 * @throws StoreError
 */
export async function putRows(
  db: D1Database,
  { tenant, principal, chain }: Log,
  rows: readonly (AuditRow & { readonly hash: string })[],
): Promise<void> {
  const [first, last] = [rows[0], rows.at(-1)]
  if (first === undefined || last === undefined) return
  const json = JSON.stringify(rows.map((row) => columns.map((column) => row[column])))
  const [, confirmed] = await asked(() =>
    db.batch<{ held: number; hash: string | null }>([
      db.prepare(INSERT).bind(tenant, principal, chain, json),
      db.prepare(CONFIRM).bind(tenant, principal, chain, first.seq, last.seq),
    ]),
  )
  const found = confirmed?.results?.[0]
  if (found?.held !== rows.length || found.hash !== last.hash) throw new StoreError('unconfirmed')
}

/** Longer than D1 lets any query run (30 s). */
const PATIENCE_MS = 40_000

/** Asks the database, patiently but not for ever. A late answer changes nothing: whatever is put may be put again. */
export async function asked<T>(work: () => Promise<T>, withinMs = PATIENCE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreError('slow')), withinMs)
  })
  try {
    return await Promise.race([work(), tooLong])
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError(codeOf(error))
  } finally {
    clearTimeout(timer)
  }
}

/** Tables and columns are made by migrations, of which some may not have run yet. */
function codeOf(error: unknown): StoreError['code'] {
  const said = error instanceof Error ? error.message : ''
  if (said.includes('no such table')) return 'no_table'
  return /no such column|has no column named/.test(said) ? 'no_column' : 'failed'
}

/** A probe that takes longer says that the database is slow, which nobody who asks for readiness wants to wait out. */
const PROBE_MS = 3_000

/** Checks that the database answers and has its tables with all their columns. Returns null, or the problem. Never rejects. */
export async function tablesProblem(db: D1Database): Promise<StoreError['code'] | null> {
  try {
    await asked(() => db.prepare(`SELECT ${columns.join(', ')} FROM audit LIMIT 1`).all(), PROBE_MS)
    return null
  } catch (error) {
    return error instanceof StoreError ? error.code : 'failed'
  }
}
