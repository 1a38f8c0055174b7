/** Exchange objects that store something of this tenant (src/bridge), so that they are found when it is deleted. */
import { errorName, log } from '../../base/log.ts'
import { paths } from '../../contract/exchange.ts'
import { exchangeObjects } from '../../contract/objects.ts'
import { inTime } from './in-time.ts'
import type { LeavingContext, Requests } from './leaving.ts'

/** Objects that are erased at the same time, and in one round. */
const AT_ONCE = 16
const MOST_A_ROUND = 400

/** Before the object with this id stores anything. */
export function keepExchange(sql: SqlStorage, id: string): void {
  sql.exec('INSERT OR IGNORE INTO exchanges VALUES (?)', id)
}

/** The object with this id stores nothing any more. */
export function dropExchange(sql: SqlStorage, id: string): void {
  sql.exec('DELETE FROM exchanges WHERE id = ?', id)
}

/**
 * Erases up to a round's worth. Answers whether none is left, or more can follow at once; with `some` there are those
 * that could not be reached. Never throws.
 */
export async function eraseExchanges(
  { sql, env, tenant, isStill }: Omit<LeavingContext, 'quiet' | 'untilMs'>,
  requests: Requests,
): Promise<'none' | 'more' | 'some'> {
  const most = Math.min(MOST_A_ROUND, requests.left)
  // In no order, so that those that cannot be reached keep nobody else waiting.
  const left = sql
    .exec<{ id: string }>('SELECT id FROM exchanges ORDER BY random() LIMIT ?', most)
    .toArray()
    .map(({ id }) => id)
  requests.left -= left.length
  let failed = 0
  const work = async () => {
    for (let id = left.shift(); id !== undefined && isStill(); id = left.shift()) {
      try {
        const namespace = exchangeObjects(env, tenant)
        const erased = await inTime(
          namespace
            .get(namespace.idFromString(id))
            .fetch(`http://exchange${paths.erase}`, { method: 'POST', body: '{}' }),
        )
        if (erased.ok && isStill()) dropExchange(sql, id)
        else failed += 1
      } catch (error) {
        failed += 1
        log('warn', 'tenant.delete_delayed', { tenant, error: errorName(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, work))
  if (failed > 0 || !isStill()) return 'some'
  return sql.exec('SELECT 1 FROM exchanges LIMIT 1').toArray().length === 0 ? 'none' : 'more'
}
