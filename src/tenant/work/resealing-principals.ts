/** Has principals seal anew what they hold. Nothing is written here: asked again, each goes on from where it is. */
import { errorName, log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import { principalObject } from '../../contract/objects.ts'
import type { ResealAnswer } from '../../contract/principal.ts'
import type { PrincipalsResealed } from '../../contract/tenant.ts'
import { inTime } from './in-time.ts'

/** Principals that one call asks, for the platform counts. */
const MOST_A_PAGE = 250
/** Principals that are asked at the same time. */
const AT_ONCE = 16

/** The answer of a tenant without principals. */
export const noPrincipals: PrincipalsResealed = {
  kind: 'principals_resealed',
  resealed: 0,
  left: 0,
  stuck: 0,
  unknown: 0,
  next: null,
}

/**
 * Asks a page of principals, by the names of their grants. Those of grants that are on their way out hold tokens, too.
 * @param key id of the current key
 */
export async function resealPrincipals(
  { sql, env, tenant }: { readonly sql: SqlStorage; readonly env: Env; readonly tenant: string },
  key: string,
  after: string | null,
): Promise<PrincipalsResealed> {
  const names = sql
    .exec<{ name: string }>(
      'SELECT name FROM grants WHERE name > ? ORDER BY name LIMIT ?',
      after ?? '',
      MOST_A_PAGE,
    )
    .toArray()
    .map(({ name }) => name)
  const next = names.length < MOST_A_PAGE ? null : (names.at(-1) ?? null)
  const sum = { resealed: 0, left: 0, stuck: 0, unknown: 0 }
  const worker = async () => {
    for (let grant = names.shift(); grant !== undefined; grant = names.shift()) {
      try {
        const answer = await inTime<ResealAnswer>(principalObject(env, tenant, grant).reseal(key))
        if (answer.kind === 'other_key') sum.unknown += 1
        else {
          sum.resealed += answer.resealed
          sum.left += answer.left
          sum.stuck += answer.stuck
        }
      } catch (error) {
        log('warn', 'tenant.not_resealed', { tenant, grant, error: errorName(error) })
        sum.unknown += 1
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, names.length) }, worker))
  return { kind: 'principals_resealed', ...sum, next }
}
