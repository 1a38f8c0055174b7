/** The provider `trusted`: the account as asserted, where the tenant trusts its grants to. PURE. */
import { accountId } from '../../../legiti/tools/fields.ts'
import { proven } from '../login-work.ts'
import { fail, type Provider } from './provider.ts'

export const trusted: Provider = {
  name: 'trusted',
  does: 'asserts it',
  takes: {
    account_id: { schema: () => accountId().describe('With provider "trusted": the account to act for') },
  },
  isAlwaysListed: true,
  accepts: ({ identity }) => identity.trusted,
  prepare: ({ account_id: account = '' }, { config }, complete) =>
    proven(
      config.settings.identity.trusted
        ? { ok: true, account }
        : fail('This tenant does not accept the provider "trusted".', account),
      'trusted',
      null,
      complete,
    ),
}
