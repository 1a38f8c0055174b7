/**
 * The accounts of Magento 2 stores: who has a name and a password there, as the store's own token endpoints say. A
 * second factor (Magento's TwoFactorAuth) is not supported; a store that asks for one is reported as such.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import { log } from '../../base/log.ts'
import type { TenantSettings } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { MagentoStore } from '../../contract/identity.ts'
import { accountId } from '../../legiti/tools/fields.ts'
import { askMagento, type MagentoAnswer } from '../../stores/magento-http.ts'
import { revokeCustomerToken } from '../../stores/magento-revoking.ts'
import { fail, type Proof } from './providers/provider.ts'

export type MagentoKind = 'customer' | 'admin'

export interface MagentoLogin {
  readonly kind: MagentoKind
  readonly store: MagentoStore
  readonly username: string
  readonly password: string
}

export type MagentoProof =
  /** `token`: of a customer, for only theirs can be revoked later. */
  | { readonly ok: true; readonly account: string; readonly token: string | null }
  | Extract<Proof, { ok: false }>

/** A token that goes into a header as it is (RFC 6750, 2.1), of bounded length. */
const tokenSchema = lazy(() => z.string().regex(/^[A-Za-z0-9._~+/=-]{1,4096}$/))
/** The members of a store's customer that tell who it is. */
const customerSchema = lazy(() => z.object({ id: z.int().positive(), email: z.string().max(320) }))
const refusalSchema = lazy(() =>
  z.object({
    message: z.string().optional(),
    parameters: z.object({ active_providers: z.unknown().optional() }).optional().catch(undefined),
  }),
)

const NOT_ACCEPTED = 'The store did not accept this user name and password.'
const SECOND_FACTOR =
  'The store wants a second factor for this user, which is not supported: use an account without one.'
const UNAVAILABLE = 'The store could not be asked; try again later.'

/** The store that a login means: the one that is named, or the only one there is. */
export function findStore(
  settings: TenantSettings,
  kind: MagentoKind,
  name: string | undefined,
): MagentoStore | { readonly problem: string } {
  // Settings that were stored before there were stores have none.
  const all = (settings.identity.magento ?? []).filter((store) => store[kind])
  if (all.length === 0) return { problem: `This tenant has no store for the provider "magento-${kind}".` }
  const found =
    name === undefined ? (all.length === 1 ? all[0] : undefined) : all.find((it) => it.name === name)
  return found ?? { problem: `store: allowed: ${all.map((it) => it.name).join(', ')}` }
}

/** Shows a name and a password to the store. Never throws. */
export async function magentoProof(
  env: Env,
  login: MagentoLogin,
  signal?: AbortSignal,
): Promise<MagentoProof> {
  const { kind, store, password } = login
  const username = login.username.trim()
  // Databases take letters with and without accents for the same: of names that are not ASCII several mean one person.
  if (kind === 'admin' && !/^[\x21-\x7e]{1,40}$/.test(username)) return fail(NOT_ACCEPTED)
  const claimed = accountId().safeParse(`${store.account_prefix}${username.toLowerCase()}`).data ?? null
  const answer = await askMagento(env, store, {
    method: 'POST',
    path: `/integration/${kind}/token`,
    body: { username, password },
    signal,
  })
  const token =
    answer.kind === 'answered' && answer.status === 200 ? tokenSchema().safeParse(answer.json) : null
  if (token?.success !== true) return refusalOf(answer, store, claimed)
  if (kind === 'admin') {
    // No endpoint of Magento's REST API revokes an administrator's token, so it is of no use to anyone here.
    return claimed === null ? fail(NOT_ACCEPTED) : { ok: true, account: claimed, token: null }
  }
  const account = await customerOf(env, { store, token: token.data, username, signal })
  if (account !== null) return { ok: true, account, token: token.data }
  await revokeCustomerToken(env, store, token.data)
  return fail(UNAVAILABLE)
}

/** The customer's id, which stays when the e-mail address changes; null where the store does not say the same thing twice. */
async function customerOf(
  env: Env,
  {
    store,
    token,
    username,
    signal,
  }: {
    readonly store: MagentoStore
    readonly token: string
    readonly username: string
    readonly signal: AbortSignal | undefined
  },
): Promise<string | null> {
  const answer = await askMagento(env, store, { method: 'GET', path: '/customers/me', token, signal })
  const customer =
    answer.kind === 'answered' && answer.status === 200 ? customerSchema().safeParse(answer.json) : null
  if (customer?.success !== true) {
    report(store, answer)
    return null
  }
  // Another's account, from a cache in front of the store for instance, would be the worst of answers.
  if (customer.data.email.trim().toLowerCase() !== username.toLowerCase()) {
    log('error', 'magento.other_account', { store: store.name })
    return null
  }
  return accountId().safeParse(`${store.account_prefix}${customer.data.id}`).data ?? null
}

function refusalOf(answer: MagentoAnswer, store: MagentoStore, claimed: string | null): MagentoProof {
  if (answer.kind !== 'answered' || (answer.status !== 400 && answer.status !== 401)) {
    report(store, answer)
    return fail(UNAVAILABLE)
  }
  // An unknown name, a wrong password and a locked account are one answer, whatever the store tells of them.
  return fail(wantsSecondFactor(answer.json) ? SECOND_FACTOR : NOT_ACCEPTED, claimed)
}

/** Said only after the password was right; the text is in the store's language, the list of providers is not. */
function wantsSecondFactor(json: unknown): boolean {
  const { data } = refusalSchema().safeParse(json)
  if (data === undefined) return false
  return data.parameters?.active_providers !== undefined || /2fa|two-?\s?factor/i.test(data.message ?? '')
}

function report(store: MagentoStore, answer: MagentoAnswer): void {
  const reason = answer.kind === 'failed' ? answer.why : `http_${answer.status}`
  if (reason !== 'cancelled') log('warn', 'magento.unusable_answer', { store: store.name, reason })
}
