/** The life of a login: who says so, is it so, and what the principal makes of it. */
import { errorName, log } from '../../base/log.ts'
import type { MagentoStore } from '../../contract/config.ts'
import { tenantObject } from '../../contract/objects.ts'
import type { AdmitAnswer, Admitted, LoginEvidence, Work } from '../../contract/principal.ts'
import { findCardNumber } from '../../legiti/tools/card.ts'
import { seal, secretKeys, storeTokenContext } from '../../secrets/seal.ts'
import { revokeCustomerToken } from '../../stores/magento-revoking.ts'
import { crowdedResult } from '../kit/crowded.ts'
import { failure } from '../kit/result.ts'
import type { CallContext, Completion, Preparation } from '../kit/tool.ts'
import { findStore, type MagentoKind, magentoProof } from './magento.ts'
import { ownArguments, takes } from './provider-arguments.ts'
import { type JwtSubject, jwtProof, type Proof, type ProviderName, trustedProof } from './providers.ts'

/** The arguments of auth_login, as its schema has let them through. */
export interface LoginArguments {
  readonly provider: ProviderName
  readonly account_id?: string | undefined
  readonly token?: string | undefined
  readonly store?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
}

type Complete = (admitted: Admitted) => Completion

/** @param complete makes the answer to a login that took place */
export async function prepareLogin(
  args: LoginArguments,
  context: CallContext,
  complete: Complete,
): Promise<Preparation> {
  const wrong = argumentsProblem(args)
  if (wrong !== null) return { kind: 'refuse', code: 'invalid_arguments', message: wrong }
  const { settings } = context.config
  switch (args.provider) {
    case 'trusted':
      return proven(trustedProof(args.account_id ?? '', settings), args.provider, null, complete)
    case 'jwt': {
      const proof = await jwtProof(context.env, args.token ?? '', settings, context.nowMs)
      const evidence = proof.ok && proof.subject !== undefined ? await expect(context, proof.subject) : null
      if (evidence !== null && 'ok' in evidence) return proven(evidence, args.provider, null, complete)
      return proven(proof, args.provider, evidence, complete)
    }
    case 'magento-customer':
      return prepareMagento(args, 'customer', context, complete)
    case 'magento-admin':
      return prepareMagento(args, 'admin', context, complete)
  }
}

function argumentsProblem(args: LoginArguments): string | null {
  const { needed, also } = takes[args.provider]
  const unused = ownArguments.filter((name) => !needed.includes(name) && !also.includes(name))
  const isComplete = needed.every((name) => args[name] !== undefined)
  if (isComplete && unused.every((name) => args[name] === undefined)) return null
  const optional = also.length === 0 ? '' : ` (and, where there are several, ${also.join(', ')})`
  return `provider "${args.provider}" takes the argument ${needed.join(' and ')}${optional} and not ${unused.join(', ')}`
}

function proven(
  proof: Proof,
  provider: ProviderName,
  evidence: LoginEvidence | null,
  complete: Complete,
): Preparation {
  if (isCardNumber(proof.account)) return cardRefusal
  if (!proof.ok) {
    const work: Work = { kind: 'login_failed', account: proof.account }
    return { kind: 'work', work, complete: () => failed(proof.message) }
  }
  return {
    kind: 'work',
    work: loginWork(provider, proof.account, evidence),
    complete: (admitted) => completed(admitted, complete),
  }
}

/** Tells the tenant's object of a login that its issuer can end later; a failed proof where that has happened. */
async function expect(
  { env, tenant, grant }: CallContext,
  { issuer, subject, sid, issuedAt }: JwtSubject,
): Promise<LoginEvidence | Extract<Proof, { ok: false }>> {
  try {
    const known = await tenantObject(env, tenant).expectLogin({ grant, issuer, subject, sid, issuedAt })
    if (known !== null) return { kind: 'jwt', issuer, subject, sid, knownLogouts: known }
    return { ok: false, account: subject, message: LOGGED_OUT }
  } catch (error) {
    log('warn', 'session.login_not_expected', { tenant, error: errorName(error) })
    const message = 'Whether its issuer has logged it out could not be looked up; try again later.'
    return { ok: false, account: null, message }
  }
}

const LOGGED_OUT = 'Its issuer has logged this account out since the token was issued; get a new one.'

/**
 * With a password the store is asked only once the call is admitted: so limits bound how often one can be tried, and a
 * call that is decided anew tries it once.
 */
function prepareMagento(
  { store: name, username = '', password = '' }: LoginArguments,
  kind: MagentoKind,
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

async function askStore(
  login: {
    readonly kind: MagentoKind
    readonly store: MagentoStore
    readonly username: string
    readonly password: string
  },
  context: CallContext,
  complete: Complete,
): Promise<Completion> {
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
  const place = storeTokenContext(context.tenant, context.grant, store.name, new URL(store.base_url).origin)
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

function notTaken(
  kind: Exclude<AdmitAnswer['kind'], 'admitted' | 'too_many_sessions'> | 'unavailable' | 'card_number',
): string {
  switch (kind) {
    case 'card_number':
      return 'The account looks like a full card number.'
    case 'dead_session':
    case 'dead_handle':
      return 'The session has ended meanwhile; begin again.'
    case 'unauthorized':
      return 'The token of this client is not valid any more.'
    default:
      return 'The login could not be written down; try again later.'
  }
}

function loginWork(provider: ProviderName, account: string, evidence: LoginEvidence | null): Work {
  return { kind: 'login', provider, account, ...(evidence === null ? {} : { evidence }) }
}

function completed(admitted: Admitted, complete: Complete): Completion {
  return admitted.outcome.kind === 'login_refused' ? failed(LOGGED_OUT) : complete(admitted)
}

function drains(answer: AdmitAnswer | { readonly kind: 'unavailable' }): boolean {
  return answer.kind === 'admitted' && answer.admitted.drain
}

function failed(message: string): Completion {
  return { result: failure('login_failed', `Login failed. ${message}`) }
}

/** The account goes to Legiti, and a card's number may not. */
function isCardNumber(account: string | null): boolean {
  return findCardNumber(account) !== null
}

const cardRefusal: Preparation = {
  kind: 'refuse',
  code: 'card_number',
  message: 'Refused: the account looks like a full card number.',
}
