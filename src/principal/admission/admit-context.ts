/** The context that the steps of an admission share. */
import type { ClientName } from '../../contract/client.ts'
import type { TenantConfig } from '../../contract/config.ts'
import type { Grant } from '../../contract/grant.ts'
import type { DecisionLog } from '../log/decision-log.ts'
import type { RememberedRows } from '../tables/remembered.ts'

/** The parts that the transaction needs from outside: it has no clock and no randomness of its own. */
export interface AdmitContext {
  readonly sql: SqlStorage
  readonly grant: Grant
  /** The tenant's current configuration for this grant. */
  readonly config: TenantConfig
  /** Which client asks, as far as that is known, where what it asks is put on record; null otherwise. */
  readonly client: ClientName | null
  readonly nowMs: number
  readonly newId: () => string
  /** The deployment has Legiti: it is told of ends of sessions. */
  readonly hasLegiti: boolean
  /** And of logins, too. */
  readonly reportLogins: boolean
  /** Tells whether an event stream of this transport is open. */
  readonly hasStream: (transport: string) => boolean
  readonly rows: RememberedRows
  readonly decisionLog: DecisionLog
}
