/** The time at which a grant, or a person's token, expires. PURE. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'

/** The member `expires_at` of a document. */
export const expiresAt = lazy(() =>
  z.iso
    .datetime({ offset: true, error: 'a time like 2030-01-31T12:00:00Z, or null' })
    .nullable()
    .default(null),
)

/** Returns the problem with a time of expiry, or null. Times are Unix milliseconds. */
export function expiryProblem(expiresAtMs: number | null, nowMs: number): string | null {
  if (expiresAtMs === null || expiresAtMs > nowMs) return null
  return '/expires_at: found a time that is past; allowed: a time to come, or null'
}
