/** Ends what a store gave a customer at login. */

import type { Env } from '../contract/env.ts'
import type { MagentoStore } from '../contract/identity.ts'
import { askMagento } from './magento-http.ts'

/**
 * Ends what the store calls the customer's tokens: all of them, for it knows no smaller measure. Null when that is done,
 * or was; otherwise why another try makes sense.
 */
export async function revokeCustomerToken(
  env: Env,
  store: MagentoStore,
  token: string,
): Promise<string | null> {
  const path = '/integration/customer/revoke-customer-token'
  const answer = await askMagento(env, store, { method: 'POST', path, token, body: {} })
  if (answer.kind === 'failed') return answer.why === 'address' ? null : answer.why
  // Any other answer says that it has heard: 401, that the token is no good any more.
  return answer.status >= 500 || answer.status === 429 ? `http_${answer.status}` : null
}
