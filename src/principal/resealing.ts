/**
 * Seals what this principal keeps sealed, the tokens of stores, with the current key. In steps, each of them whole in one
 * transaction: whoever dies in between has done some of it, and whoever asks again goes on from there.
 */
import { sealAgain, sealedPrefix, secretKeys } from '../secrets/seal.ts'
import type { ResealAnswer } from './contract.ts'
import { storeTokenContext } from './sessions-evidence.ts'
import type { PrincipalState } from './state.ts'

/** Tokens that are sealed anew by one question; the rest is left. */
const MOST_A_QUESTION = 500
/** Tokens that are in memory at the same time. */
const AT_ONCE = 50

const tables = [
  // Of all rows, which are kept for weeks, the live ones alone have a token.
  {
    unsealed:
      'SELECT rowid AS row FROM sessions INDEXED BY sessions_live_end WHERE ended_at IS NULL AND store_token IS NOT NULL',
    name: 'sessions',
  },
  { unsealed: 'SELECT seq AS row FROM revocations WHERE TRUE', name: 'revocations' },
] as const

interface Place {
  readonly table: (typeof tables)[number]['name']
  readonly row: number
}

/** @param key the current key's id as the tenant knows it: another here means that this deployment is half-way */
export async function resealTokens(principal: PrincipalState, key: string): Promise<ResealAnswer> {
  const keys = secretKeys(principal.env)
  if (keys?.current !== key) return { kind: 'other_key' }
  const { sql } = principal
  const places = placesNotUnder(principal, key)
  let resealed = 0
  let stuck = 0
  for (let i = 0; i < places.length && resealed < MOST_A_QUESTION; i += AT_ONCE) {
    const renewed = await Promise.all(
      places.slice(i, i + AT_ONCE).map(async (place) => {
        const held = principal.grant === null ? null : read(sql, place)
        if (held === null) return null
        const context = contextOf(principal, held.store)
        const sealed = context === null ? null : await sealAgain(keys, held.before, context)
        if (sealed === null) stuck += 1
        return sealed === null ? null : { place, before: held.before, sealed }
      }),
    )
    resealed += await principal.write(() => {
      // Everything may have been forgotten meanwhile, tables and all.
      if (principal.grant === null) return 0
      return renewed.filter((it) => it !== null && replace(sql, it.place, it.before, it.sealed)).length
    })
  }
  return { kind: 'resealed', resealed, left: placesNotUnder(principal, key).length, stuck }
}

function placesNotUnder({ sql, grant }: PrincipalState, key: string): Place[] {
  if (grant === null) return []
  const prefix = sealedPrefix(key)
  return tables.flatMap(({ name, unsealed }) =>
    sql
      .exec<{ row: number }>(`${unsealed} AND substr(store_token, 1, ?) <> ?`, ...[prefix.length, prefix])
      .toArray()
      .map(({ row }) => ({ table: name, row })),
  )
}

function read(sql: SqlStorage, { table, row }: Place): { store: string; before: string } | null {
  const query = `SELECT store, store_token FROM ${table} WHERE rowid = ? AND store_token IS NOT NULL`
  const held = sql.exec<{ store: string; store_token: string }>(query, row).toArray()[0]
  return held === undefined ? null : { store: held.store, before: held.store_token }
}

/** False where the token has gone meanwhile: to be revoked, for instance, and then it is found there. */
function replace(sql: SqlStorage, { table, row }: Place, before: string, sealed: string): boolean {
  const update = `UPDATE ${table} SET store_token = ? WHERE rowid = ? AND store_token = ? RETURNING 1`
  return sql.exec(update, sealed, row, before).toArray().length > 0
}

/** Null: the store is no more, so that nothing opens what was sealed for it. */
function contextOf({ grant }: PrincipalState, store: string): string | null {
  if (grant === null) return null
  const found = grant.config.settings.identity.magento?.find(({ name }) => name === store)
  if (found === undefined) return null
  return storeTokenContext(grant.tenant, grant.name, store, new URL(found.base_url).origin)
}
