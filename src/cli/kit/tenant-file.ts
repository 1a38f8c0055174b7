/**
 * `tenant.yaml`: the settings of a tenant as the API takes them, and `tenant`, the name of the one that they are for, so that
 * a folder is never applied to another. A file that says nothing but the name says nothing of settings. PURE.
 */
import { isObject } from '../../base/json.ts'
import { isName } from '../../names/tokens.ts'
import { describeProblem } from '../../policy/problem.ts'

export interface TenantFile {
  /** The tenant of the settings; null: the file does not name it. */
  readonly tenant: string | null
  /** The rest of it, as it stands there; null: nothing but the name. */
  readonly settings: unknown
  readonly problems: readonly string[]
}

/** Takes a document apart. One that is no object is left to whoever checks settings. */
export function readTenantFile(document: unknown): TenantFile {
  if (!isObject(document) || !Object.hasOwn(document, 'tenant'))
    return { tenant: null, settings: document, problems: [] }
  const { tenant, ...settings } = document
  const rest = Object.keys(settings).length === 0 ? null : settings
  if (typeof tenant === 'string' && isName(tenant)) return { tenant, settings: rest, problems: [] }
  const found = typeof tenant === 'string' ? JSON.stringify(tenant.slice(0, 80)) : 'no name'
  const allowed = 'the name of the tenant: 1 to 63 of a-z, 0-9 and -, with no - at either end'
  return { tenant: null, settings: rest, problems: [describeProblem({ pointer: '/tenant', found, allowed })] }
}

/** Says why this file is not for that tenant; null where it is. */
export function mismatch(file: string, { tenant }: TenantFile, asked: string): string | null {
  if (tenant === null || tenant === asked) return null
  return `${file}: /tenant: found ${JSON.stringify(tenant)}; allowed: ${JSON.stringify(asked)}, the tenant that is asked for (--tenant, GATEHOUSE_TENANT, or the token's)`
}
