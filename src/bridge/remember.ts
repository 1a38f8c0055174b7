/** Has the principal keep what a session knows of a server of the stateless era. */
import { type Passage, principalOf } from '../gateway/admission.ts'
import { markOf } from './mark.ts'

/** Has the principal remember it. `logLevel` null: that the server is of this era, unless more is known already. */
export async function remember(passage: Passage, server: string, logLevel: string | null): Promise<boolean> {
  const bound = await principalOf(passage)
    .bindUpstream({
      secretHash: passage.claim.secretHash,
      transport: passage.transport,
      owner: null,
      server,
      replaces: logLevel === null ? undefined : null,
      session: markOf(logLevel),
    })
    .catch(() => null)
  return bound?.kind === 'bound'
}
