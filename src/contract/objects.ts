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

/** The principal of a grant. */
export function principalObject(
  { PRINCIPAL, IGNORE_JURISDICTION }: Bindings<'PRINCIPAL'>,
  tenant: string,
  grant: string,
) {
  return placed(PRINCIPAL, tenant, IGNORE_JURISDICTION).getByName(`${tenant}/${grant}`)
}

/** The principal that a request is asked of. */
export function principalOf({
  env,
  claim: { tenant, grant },
}: {
  readonly env: Bindings<'PRINCIPAL'>
  readonly claim: { readonly tenant: string; readonly grant: string }
}) {
  return principalObject(env, tenant, grant)
}

/** What an administrator has set up. */
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

/** Where the tenant's exchanges between the eras are; each is named, or has an id, of its own. */
export function exchangeObjects(
  { EXCHANGE, IGNORE_JURISDICTION }: Bindings<'EXCHANGE'>,
  tenant: string,
): DurableObjectNamespace {
  return placed(EXCHANGE, tenant, IGNORE_JURISDICTION)
}

/**
 * Where a tenant's objects are created and stay, or null for anywhere. It is part of the name, for it must be known
 * before any of them is asked: docs/decisions/0020-jurisdiction.md.
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
