/** A grant as its principal keeps it, and as its tenant installs it. */
import type { TenantConfig } from './config.ts'

/** The grant that this principal is, as stored. */
export interface Grant {
  readonly tenant: string
  readonly name: string
  /** The name for people; its own agent sees it, too. */
  readonly label: string
  readonly secretHash: Uint8Array
  /** The secret before this one, which is good until then, too. */
  readonly olderSecret: { readonly hash: Uint8Array; readonly untilMs: number } | null
  readonly origin: 'tenant' | 'demo'
  readonly config: TenantConfig
  readonly expiresAtMs: number | null
  readonly revokedAtMs: number | null
  /** Names this making of it by the tenant; '' where that was never said. */
  readonly incarnation: string
}

/** A grant to install: all of it but what the object keeps to itself. The demo's own says so. */
export type NewGrant = Omit<Grant, 'origin' | 'revokedAtMs' | 'olderSecret' | 'incarnation'> & {
  readonly origin?: 'demo'
  readonly incarnation?: string
  readonly olderSecret?: Grant['olderSecret']
}
