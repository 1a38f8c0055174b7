/** Exchange objects that store something of this tenant (src/bridge), so that they are found when it is deleted. */
import { paths } from '../bridge/exchange-contract.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { exchangeObjects } from '../objects.ts'

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
 * Erases up to a round's worth. Answers whether none is left; one that cannot be reached is. Never throws.
 *
 * @param isStill whether this deletion goes on; asked after every wait
 */
export async function eraseExchanges(
  sql: SqlStorage,
  env: Env,
  tenant: string,
  isStill: () => boolean,
): Promise<boolean> {
  const left = sql
    .exec<{ id: string }>(`SELECT id FROM exchanges ORDER BY id LIMIT ${MOST_A_ROUND}`)
    .toArray()
    .map(({ id }) => id)
  const work = async () => {
    for (let id = left.shift(); id !== undefined && isStill(); id = left.shift()) {
      try {
        const namespace = exchangeObjects(env, tenant)
        const erased = await namespace
          .get(namespace.idFromString(id))
          .fetch(`http://exchange${paths.erase}`, { method: 'POST', body: '{}' })
        if (erased.ok && isStill()) dropExchange(sql, id)
      } catch (error) {
        log('warn', 'tenant.delete_delayed', { tenant, error: errorName(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, work))
  return isStill() && sql.exec('SELECT 1 FROM exchanges LIMIT 1').toArray().length === 0
}
