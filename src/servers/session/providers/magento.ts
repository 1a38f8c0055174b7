/** The providers `magento-customer` and `magento-admin`: who has a user name and a password at one of the tenant's stores. */
import * as z from 'zod/v4'
import type { LoginEvidence, Work } from '../../../contract/principal.ts'
import { seal, secretKeys, storeTokenContext } from '../../../secrets/seal.ts'
import { revokeCustomerToken } from '../../../stores/magento-revoking.ts'
import { crowdedResult } from '../../kit/crowded.ts'
import type { CallContext, Completion, Preparation } from '../../kit/tool.ts'
import { cardRefusal, completed, drains, failed, isCardNumber, loginWork, notTaken } from '../login-work.ts'
import { findStore, type MagentoKind, type MagentoLogin, magentoProof } from '../magento.ts'
import type { Complete, Given, Provider } from './provider.ts'

const takes: Provider['takes'] = {
  store: {
    schema: () =>
      z
        .string()
        .min(1)
        .max(63)
        .describe('With a Magento provider: which store, where this tenant has several'),
    isOptional: true,
  },
  username: {
    schema: () =>
      z
        .string()
        .min(1)
        .max(320)
        .describe(
          'With "magento-customer": the customer’s e-mail address; with "magento-admin": the user name',
        ),
  },
  password: {
    schema: () =>
      z
        .string()
        .min(1)
        .max(1_024)
        .describe('With a Magento provider: the password. It is shown to the store and kept nowhere'),
    isSecret: true,
  },
}

export const magentoCustomer = magento(
  'customer',
  'proves it with the user name and password of a customer of a Magento 2 store',
)
export const magentoAdmin = magento('admin', 'proves it with those of an administrator of a Magento 2 store')

function magento(kind: MagentoKind, does: string): Provider {
  return {
    name: `magento-${kind}`,
    does,
    takes,
    // Settings that were stored before there were stores have none.
    accepts: ({ identity }) => (identity.magento ?? []).some((store) => store[kind]),
    prepare: (given, context, complete) => prepare(kind, given, context, complete),
  }
}

/**
 * With a password the store is asked only once the call is admitted: so limits bound how often one can be tried, and a
 * call that is decided anew tries it once.
 */
function prepare(
  kind: MagentoKind,
  { store: name, username = '', password = '' }: Given,
  context: CallContext,
  complete: Complete,
): Preparation {
  const store = findStore(context.config.settings, kind, name)
  if ('problem' in store) {
    const work: Work = { kind: 'login_failed', account: null }
    return { kind: 'work', work, complete: () => failed(store.problem) }
  }
  if (isCardNumber(username)) return cardRefusal
  return {
    kind: 'work',
    work: { kind: 'whoami' },
    complete: () => askStore({ kind, store, username, password }, context, complete),
  }
}

async function askStore(login: MagentoLogin, context: CallContext, complete: Complete): Promise<Completion> {
  const { env, again } = context
  const { store, kind } = login
  // A customer's token is kept for the logout, and never in clear.
  const keys = secretKeys(env)
  if (kind === 'customer' && keys === null)
    return failed('This deployment cannot keep a store’s token: ENCRYPTION_KEYS is not set.')
  const proof = await magentoProof(env, login, context.signal)
  if (!proof.ok) {
    const answer = await again({ kind: 'login_failed', account: proof.account }, '(login failed)')
    return { ...failed(proof.message), drain: drains(answer) }
  }
  const { account, token } = proof
  const place = storeTokenContext({
    tenant: context.tenant,
    grant: context.grant,
    store: store.name,
    origin: new URL(store.base_url).origin,
  })
  const evidence: LoginEvidence | null =
    token === null || keys === null
      ? null
      : { kind: 'magento', store: store.name, sealedToken: await seal(keys, token, place) }
  const work = loginWork(`magento-${kind}`, account, evidence)
  const answer = isCardNumber(account)
    ? ({ kind: 'card_number' } as const)
    : await again(work, '(account proven)')
  if (answer.kind === 'admitted') return { ...completed(answer.admitted, complete), drain: drains(answer) }
  // Where no answer came the session may be there, and with it the token.
  if (token !== null && answer.kind !== 'unavailable')
    context.waitUntil(revokeCustomerToken(env, store, token))
  if (answer.kind === 'too_many_sessions') return { result: crowdedResult(answer.max) }
  return failed(notTaken(answer.kind))
}
