/** The calls that the Worker makes to the counters that a tenant's principals share. */
import type { Reservation, Taken } from '../policy/counting.ts'
import type { Charge } from '../policy/model.ts'

export interface CountersCalls extends Rpc.DurableObjectBranded {
  /** Charges a call to every limit, or to none when one of them has no room. */
  reserve(charges: readonly Charge[]): Promise<Reservation>

  /** Gives back what a call took that did not happen. */
  refund(taken: readonly Taken[]): Promise<void>

  /** Forgets everything. */
  erase(): Promise<void>
}
