/**
 * Limits with scope `tenant`: counted in an object of the tenant's own, before its principal is asked, because the
 * principal may do a call's work in the very transaction that admits it. The charge of a call that was
 * then not admitted is given back. Only calls under such a limit pay for the second object.
 */
import { errorName, log } from '../base/log.ts'
import { tenantCounters } from '../contract/objects.ts'
import type { Reservation, Taken } from '../policy/counting.ts'
import type { Charge } from '../policy/model.ts'
import type { RequestContext } from '../request/context.ts'

export type TenantReservation = Reservation | { readonly ok: 'unavailable' }

const nothing: TenantReservation = { ok: true, taken: [], standings: [], shadow: [] }

/** Charges a call to the tenant's counters; for a call without such limits nobody is asked. */
export async function reserveForTenant(
  { env, presented, requestId }: RequestContext,
  charges: readonly Charge[],
): Promise<TenantReservation> {
  if (charges.length === 0) return nothing
  try {
    // RPC's types make arrays of tuples; the values are as they were.
    return (await tenantCounters(env, presented.tenant).reserve(charges)) as Reservation
  } catch (error) {
    log('error', 'tenant_counters.unavailable', { request: requestId, error: errorName(error) })
    // What only watches must not refuse, not even by being away.
    return charges.every(({ shadow }) => shadow) ? nothing : { ok: 'unavailable' }
  }
}

/** Gives back what was taken. Should that fail, the charge stays: too much is counted, never too little. */
export async function refundTenant(
  { env, presented, requestId }: RequestContext,
  taken: readonly Taken[],
): Promise<void> {
  if (taken.length === 0) return
  try {
    await tenantCounters(env, presented.tenant).refund(taken)
  } catch (error) {
    log('warn', 'tenant_counters.refund_failed', { request: requestId, error: errorName(error) })
  }
}
