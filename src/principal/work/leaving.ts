/** Erases a principal that has left: whatever is on its way comes to its end first. */
import { inTurns } from '../../durable/turns.ts'
import { stopSending } from '../tables/outbox.ts'
import { schemaVersion } from '../tables/schema.ts'
import type { BackgroundWork } from './background-work.ts'
import { forgetRevocations } from './sessions-revoking.ts'
import type { PrincipalState } from './state.ts'

/** Has everything that is on its way come to its end, and nothing begin, so that its rows can go. */
export async function stopEverything(principal: PrincipalState, background: BackgroundWork): Promise<void> {
  const { sql } = principal
  if (principal.grant !== null && principal.grant.revokedAtMs === null)
    throw new Error('erased before it has left')
  // From here on nothing begins, and what is on its way to somebody ends before its rows go.
  principal.grant = null
  if (schemaVersion(sql) > 0)
    await inTurns(
      () =>
        principal.write(() => {
          // Somebody else who erases may have been quicker.
          if (schemaVersion(sql) === 0) return false
          const isForgotten = forgetRevocations(sql)
          return stopSending(sql, Date.now()) || !isForgotten
        }),
      Number.POSITIVE_INFINITY,
    )
  await background.quiet()
}
