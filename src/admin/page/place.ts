/** Which tenant's pages a request is for, and where they are. PURE. */
import { isName } from '../../names/tokens.ts'
import { type HostSettings, hostAllows, tenantOfHost } from '../../request/hosts.ts'

export interface Place {
  /** Null: neither host nor path names one. */
  readonly tenant: string | null
  /** The path of the list; `/<id>` behind it is an approval's. */
  readonly base: string
}

/**
 * @param pathTenant as in `/t/<tenant>/approvals`; null for `/approvals`
 * @returns null where there is nothing: the host is another tenant's or nobody's, or the name is none
 */
export function placeOf(settings: HostSettings, hostname: string, pathTenant: string | null): Place | null {
  if (pathTenant !== null)
    return isName(pathTenant) && hostAllows(settings, hostname, pathTenant)
      ? { tenant: pathTenant, base: baseOf(pathTenant) }
      : null
  const of = tenantOfHost(settings, hostname)
  return of.kind === 'none' ? null : { tenant: of.kind === 'tenant' ? of.tenant : null, base: '/approvals' }
}

/** The path of a tenant's pages at a host that names none. */
export function baseOf(tenant: string): string {
  return `/t/${tenant}/approvals`
}

/** The path of an approval's page, or of the list. The text of an address comes from anywhere: it stays one segment. */
export function pathTo(base: string, id: string | null): string {
  return id === null ? base : `${base}/${encodeURIComponent(id.toWellFormed())}`
}
