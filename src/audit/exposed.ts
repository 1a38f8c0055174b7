/**
 * Finds the tools that a filter means by a name whose own is longer than clients take: agents know such a tool by the beginning
 * of its name and a hash of all of it (names/tools.ts), and rows have its own name. The trail is asked, which also has tools
 * that their servers list no longer.
 */
import { expose, split } from '../names/tools.ts'
import type { Filter, OwnName } from './filter.ts'
import { asked } from './store.ts'

/** The ending that `expose` puts behind a name that it cuts. */
const HASHED = /^(.*)_[0-9a-f]{8}$/

/** The filter, with the tools that it names in that way; the same filter where it names none. */
export async function withOwnNames<F extends Filter>(
  db: D1Database,
  tenant: string,
  filter: F,
): Promise<F & Filter> {
  const said = [filter.tool, filter.what].filter((it) => it !== undefined)
  const found = await Promise.all(said.map((name) => ownNames(db, tenant, name)))
  const names = found.flat()
  return names.length === 0 ? filter : { ...filter, ownNames: names }
}

async function ownNames(db: D1Database, tenant: string, exposed: string): Promise<readonly OwnName[]> {
  const parts = split(exposed)
  const [, readable] = HASHED.exec(parts?.name ?? '') ?? []
  if (parts === null || readable === undefined) return []
  const { server } = parts
  // An underscore stands for itself or for a character that clients do not take, and LIKE takes it for either.
  const { results } = await asked(() =>
    db
      .prepare('SELECT DISTINCT tool FROM audit WHERE tenant = ?1 AND server = ?2 AND tool LIKE ?3')
      .bind(tenant, server, `${readable}%`)
      .all<{ tool: string }>(),
  )
  return results.filter(({ tool }) => expose(server, tool) === exposed).map(({ tool }) => ({ server, tool }))
}
