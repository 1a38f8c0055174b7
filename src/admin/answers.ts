/** Turns results of a tenant's object into answers of the administration API. */

import { problem } from '../base/errors.ts'
import { isDemo } from '../base/local-switches.ts'
import type { Propagation, RefusedChange, Removal } from '../contract/tenant.ts'
import { madeTenantWarning, suspendedWarning } from '../contract/warnings.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../demo/token.ts'
import { isName } from '../names/tokens.ts'
import type { Call } from './route.ts'

/** 422: a document that cannot be meant, with everything that is wrong with it. */
export function invalid(problems: readonly string[]): Response {
  return problem(422, 'Invalid document', detailOf(problems), { headers: {}, more: { problems } })
}

/**
 * 422 for a document, 409 for what it would do to what is there, 412 where that is not what was expected, 403 where somebody
 * else has to do it.
 */
export function refusal({ kind, problems }: RefusedChange): Response {
  switch (kind) {
    case 'invalid':
      return invalid(problems)
    case 'conflict':
      return problem(409, 'Conflict', detailOf(problems), { headers: {}, more: { problems } })
    case 'stale':
      return problem(412, 'Precondition failed', detailOf(problems), { headers: {}, more: { problems } })
    case 'forbidden':
      return problem(403, 'Four eyes', detailOf(problems), { headers: {}, more: { problems } })
  }
}

/** A page of a list that was asked for with one more item than it may have. */
export function page<T>(items: readonly T[], limit: number, cursor: (item: T) => string) {
  const shown = items.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown, next: items.length > limit && last !== undefined ? cursor(last) : null }
}

export function notFound(what: string): Response {
  return problem(404, 'Not found', `This tenant has no ${what} of that name.`)
}

/** 404: there is no tenant of this name. Only root is ever told. */
export function noSuchTenant(tenant: string): Response {
  return problem(404, 'Not found', `There is no tenant ${tenant}.`)
}

/** JSON with the ETag of the state that it shows. */
export function tagged(value: object, tag: string, status = 200): Response {
  return Response.json(value, { status, headers: { etag: `"${tag}"` } })
}

/** Counts the grants that a change has reached, for its answer (`propagationMembers` of route.ts). */
export function propagationOf({ told, pending }: Propagation): Propagation {
  return { told, pending }
}

/** The answer to a DELETE, with what else came of it. */
export function removal(removed: Removal, what: string, warnings: readonly string[] = []): Response {
  if (removed.kind === 'absent') return notFound(what)
  if (removed.kind !== 'removed') return refusal(removed)
  return Response.json({ deleted: true, warnings, ...propagationOf(removed) })
}

/** Says why something cannot have this name; null where it can. */
export function nameProblem(what: string, name: string): string | null {
  if (isName(name)) return null
  return `the ${what}'s name: found ${JSON.stringify(name.slice(0, 80))}; allowed: 1 to 63 of a-z, 0-9 and -, with no - at either end`
}

/** Warns that the built-in grant of the demo goes by a file, where the demo tenant's settings are changed. */
export function demoKeeps(
  { env, tenant }: Pick<Call, 'env' | 'tenant'>,
  what: 'settings' | 'policy',
): string[] {
  if (!isDemo(env) || tenant !== DEMO_TENANT) return []
  const file = what === 'settings' ? 'tenant.json' : 'policy.json'
  return [`The built-in grant ${DEMO_TENANT}/${DEMO_GRANT} keeps the ${what} of src/demo/${file}.`]
}

/** The state of the tenant that a change was made in. */
interface Tenanted {
  readonly madeTenant: boolean
  /** Absent while an object of an earlier version answers. */
  readonly isSuspended?: boolean
}

/**
 * Warns of the tenant that a change was made in: for `warnings` of every answer to a change, because any may make a
 * tenant, or be of one whose agents are refused.
 */
export function tenantWarnings({ madeTenant, isSuspended = false }: Tenanted, tenant: string): string[] {
  return [
    ...(madeTenant ? [madeTenantWarning(tenant)] : []),
    ...(isSuspended ? [suspendedWarning(tenant)] : []),
  ]
}

/** Unix milliseconds as ISO 8601. */
export function at(ms: number): string
export function at(ms: number | null): string | null
export function at(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

function detailOf(problems: readonly string[]): string {
  const [first = '', ...more] = problems
  return more.length === 0 ? first : `${first} (and ${more.length} more: see problems)`
}
