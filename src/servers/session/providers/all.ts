/** All identity providers of sessions, in the order in which they are listed. */
import { jwt } from './jwt.ts'
import { magentoAdmin, magentoCustomer } from './magento.ts'
import type { Provider, ProviderArgument } from './provider.ts'
import { trusted } from './trusted.ts'

export const providers: readonly Provider[] = [trusted, jwt, magentoCustomer, magentoAdmin]

export const providerNames = providers.map(({ name }) => name)

/** Every argument that belongs to a provider. */
export const providerArguments: Readonly<Record<string, ProviderArgument>> = Object.assign(
  {},
  ...providers.map(({ takes }) => takes),
)
