/** Which arguments of `auth_login` belong to which provider. PURE. */
import type { ProviderName } from './providers.ts'

/** An argument of a provider's own. */
export type OwnArgument = 'account_id' | 'token' | 'store' | 'username' | 'password'

/** What each provider takes; whatever else is given, nobody would look at. */
export const takes: Readonly<
  Record<ProviderName, { readonly needed: readonly OwnArgument[]; readonly also: readonly OwnArgument[] }>
> = {
  trusted: { needed: ['account_id'], also: [] },
  jwt: { needed: ['token'], also: [] },
  'magento-customer': { needed: ['username', 'password'], also: ['store'] },
  'magento-admin': { needed: ['username', 'password'], also: ['store'] },
}

export const ownArguments: readonly OwnArgument[] = ['account_id', 'token', 'store', 'username', 'password']

/** All that a provider takes. */
export function argumentsOf(name: ProviderName): readonly OwnArgument[] {
  const { needed, also } = takes[name]
  return [...needed, ...also]
}
