/**
 * Seals what this principal keeps sealed, the tokens of stores and what calls carry that wait for a person, with the current
 * key. In steps, each of them whole in one transaction: whoever dies in between has done some of it, and whoever asks again
 * goes on from there.
 */
import { contextOf } from '../../approvals/sealed-content.ts'
import type { Grant } from '../../contract/grant.ts'
import type { ResealAnswer } from '../../contract/principal.ts'
import { turn } from '../../durable/turns.ts'
import { sealAgain, sealedPrefix, secretKeys, storeTokenContext } from '../../secrets/seal.ts'
import type { PrincipalState } from './state.ts'

/** Values that are sealed anew by one question; the rest is left. */
const MOST_A_QUESTION = 500
/** Values that are in memory at the same time. */
const AT_ONCE = 50

/** A place of sealed values. Fixed text, never a caller's. */
interface Table {
  readonly name: string
  readonly column: string
  /** Finds rows with a value, as `row`; more conditions may follow. */
  readonly rows: string
  /** Tells what the value of a row is sealed for, as `about`. */
  readonly about: string
  /** Null: there is no such thing any more, so that nothing opens what was sealed for it. */
  readonly contextFor: (grant: Grant, about: string) => string | null
}

const tables: readonly Table[] = [
  {
    name: 'sessions',
    column: 'store_token',
    // Rows are kept for weeks; the live ones alone have a token.
    rows: 'SELECT rowid AS row FROM sessions INDEXED BY sessions_live_end WHERE ended_at IS NULL AND store_token IS NOT NULL',
    about:
      'SELECT store AS about, store_token AS sealed FROM sessions WHERE rowid = ? AND store_token IS NOT NULL',
    contextFor: ofStore,
  },
  {
    name: 'revocations',
    column: 'store_token',
    rows: 'SELECT seq AS row FROM revocations WHERE TRUE',
    about: 'SELECT store AS about, store_token AS sealed FROM revocations WHERE rowid = ?',
    contextFor: ofStore,
  },
  {
    name: 'approval_contents',
    column: 'sealed',
    rows: 'SELECT rowid AS row FROM approval_contents WHERE TRUE',
    about: `SELECT approvals.arguments AS about, sealed FROM approval_contents
      JOIN approvals ON approvals.id = approval WHERE approval_contents.rowid = ?`,
    contextFor: ({ tenant, name }, digest) => contextOf({ tenant, grant: name, digest }),
  },
]

interface Place {
  readonly table: Table
  readonly row: number
}

/** @param key the current key's id as the tenant knows it: another here means that this deployment is half-way */
export async function resealAll(principal: PrincipalState, key: string): Promise<ResealAnswer> {
  const keys = secretKeys(principal.env)
  if (keys?.current !== key) return { kind: 'other_key' }
  const { sql } = principal
  const places = placesNotUnder(principal, key)
  let resealed = 0
  let stuck = 0
  for (let i = 0; i < places.length && resealed < MOST_A_QUESTION; i += AT_ONCE) {
    const renewed = await Promise.all(
      places.slice(i, i + AT_ONCE).map(async (place) => {
        const { grant } = principal
        const held = grant === null ? null : read(sql, place)
        if (grant === null || held === null) return null
        const context = place.table.contextFor(grant, held.about)
        const sealed = context === null ? null : await sealAgain(keys, held.sealed, context)
        if (sealed === null) stuck += 1
        return sealed === null ? null : { place, before: held.sealed, sealed }
      }),
    )
    resealed += await principal.write(() => {
      // Everything may have been forgotten meanwhile, tables and all.
      if (principal.grant === null) return 0
      return renewed.filter((it) => it !== null && replace(sql, it.place, it.before, it.sealed)).length
    })
    await turn()
  }
  return { kind: 'resealed', resealed, left: placesNotUnder(principal, key).length, stuck }
}

function placesNotUnder({ sql, grant }: PrincipalState, key: string): Place[] {
  if (grant === null) return []
  const prefix = sealedPrefix(key)
  return tables.flatMap((table) =>
    sql
      .exec<{ row: number }>(
        `${table.rows} AND substr(${table.column}, 1, ?) <> ?`,
        ...[prefix.length, prefix],
      )
      .toArray()
      .map(({ row }) => ({ table, row })),
  )
}

function read(sql: SqlStorage, { table, row }: Place): { about: string; sealed: string } | null {
  return sql.exec<{ about: string; sealed: string }>(table.about, row).toArray()[0] ?? null
}

/** False where the value has gone meanwhile: a token to be revoked, for instance, and then it is found there. */
function replace(sql: SqlStorage, { table, row }: Place, before: string, sealed: string): boolean {
  const { name, column } = table
  const update = `UPDATE ${name} SET ${column} = ? WHERE rowid = ? AND ${column} = ? RETURNING 1`
  return sql.exec(update, sealed, row, before).toArray().length > 0
}

function ofStore(grant: Grant, store: string): string | null {
  const found = grant.config.settings.identity.magento?.find(({ name }) => name === store)
  if (found === undefined) return null
  return storeTokenContext({
    tenant: grant.tenant,
    grant: grant.name,
    store,
    origin: new URL(found.base_url).origin,
  })
}
