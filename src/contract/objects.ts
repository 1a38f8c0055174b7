/** Every Durable Object of a tenant is named, and so found, here. */
import type { CountersCalls } from './counters-calls.ts'
import type { DirectoryCalls } from './directory-calls.ts'
import type { Env } from './env.ts'
import type { PrincipalCalls } from './principal-calls.ts'
import type { TenantCalls } from './tenant-calls.ts'

export type PrincipalStub = DurableObjectStub<PrincipalCalls>
export type TenantStub = DurableObjectStub<TenantCalls>

type Bindings<Name extends 'PRINCIPAL' | 'TENANT' | 'TENANT_COUNTERS' | 'EXCHANGE'> = Pick<
  Env,
  Name | 'IGNORE_JURISDICTION'
>

/** Finds the principal of a grant. */
export function principalObject(
  { PRINCIPAL, IGNORE_JURISDICTION }: Bindings<'PRINCIPAL'>,
  tenant: string,
  grant: string,
) {
  return placed(PRINCIPAL, tenant, IGNORE_JURISDICTION).getByName(`${tenant}/${grant}`)
}

/** Finds the principal of a request. */
export function principalOf({
  env,
  presented: { tenant, grant },
}: {
  readonly env: Bindings<'PRINCIPAL'>
  readonly presented: { readonly tenant: string; readonly grant: string }
}) {
  return principalObject(env, tenant, grant)
}

/** Finds the object of a tenant's documents. */
export function tenantObject(
  { TENANT, IGNORE_JURISDICTION }: Bindings<'TENANT'>,
  tenant: string,
): TenantStub {
  return placed(TENANT, tenant, IGNORE_JURISDICTION).getByName(tenant)
}

/** Which tenants there are: one object for all of them, with nothing but their names. */
export function tenantDirectory({ DIRECTORY }: Pick<Env, 'DIRECTORY'>): DurableObjectStub<DirectoryCalls> {
  return DIRECTORY.getByName('tenants')
}

/** Counters of limits with scope `tenant`. */
export function tenantCounters(
  { TENANT_COUNTERS, IGNORE_JURISDICTION }: Bindings<'TENANT_COUNTERS'>,
  tenant: string,
): DurableObjectStub<CountersCalls> {
  return placed(TENANT_COUNTERS, tenant, IGNORE_JURISDICTION).getByName(tenant)
}

/** Finds the tenant's exchanges between the eras; each has a name or an id of its own. */
export function exchangeObjects(
  { EXCHANGE, IGNORE_JURISDICTION }: Bindings<'EXCHANGE'>,
  tenant: string,
): DurableObjectNamespace {
  return placed(EXCHANGE, tenant, IGNORE_JURISDICTION)
}

/**
 * Returns the jurisdiction in which a tenant's objects are created and stay, or null for anywhere. It is part of the tenant's name, for
 * it must be known before any of them is asked: docs/decisions/0020-jurisdiction.md.
 */
export function jurisdictionOf(tenant: string): DurableObjectJurisdiction | null {
  return tenant.endsWith('--eu') ? 'eu' : null
}

function placed<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
  tenant: string,
  ignored: string | undefined,
): DurableObjectNamespace<T> {
  const jurisdiction = ignored === 'true' ? null : jurisdictionOf(tenant)
  return jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction)
}
