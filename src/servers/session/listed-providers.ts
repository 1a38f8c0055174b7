/** `auth_login` as it is listed: with the providers that the tenant has set up, and with their arguments alone. PURE. */
import type { Tool } from '@modelcontextprotocol/server'
import type { TenantSettings } from '../../contract/config.ts'
import { argumentsOf } from './provider-arguments.ts'
import { type ProviderName, providerNames } from './providers.ts'

/**
 * The definition for agents of this tenant. A provider that is not listed is refused as ever, should it be called. Where
 * the tenant has set up none at all, those are listed that need no other system.
 */
export function withProviders(definition: Tool, settings: TenantSettings): Tool {
  const accepted = acceptedProviders(settings)
  const listed = accepted.length === 0 ? (['trusted', 'jwt'] as const) : accepted
  const { properties = {} } = definition.inputSchema
  const unused = new Set(providerNames.flatMap(argumentsOf))
  for (const name of listed) for (const argument of argumentsOf(name)) unused.delete(argument)
  const kept = Object.entries(properties)
    .filter(([name]) => !(unused as ReadonlySet<string>).has(name))
    .map(([name, schema]) => [name, name === 'provider' ? providerSchema(schema as object, listed) : schema])
  const inputSchema = { ...definition.inputSchema, properties: Object.fromEntries(kept) as typeof properties }
  return { ...definition, inputSchema }
}

function providerSchema(schema: object, listed: readonly ProviderName[]) {
  return { ...schema, description: providerText(listed), enum: [...listed] }
}

/** The providers that a login of this tenant can succeed with. */
export function acceptedProviders({ identity }: TenantSettings): ProviderName[] {
  // What was stored before there were stores has none.
  const stores = identity.magento ?? []
  const accepts: Readonly<Record<ProviderName, boolean>> = {
    trusted: identity.trusted,
    jwt: identity.jwt.length > 0,
    'magento-customer': stores.some(({ customer }) => customer),
    'magento-admin': stores.some(({ admin }) => admin),
  }
  return providerNames.filter((name) => accepts[name])
}

const does: Readonly<Record<ProviderName, string>> = {
  trusted: '"trusted" asserts it',
  jwt: '"jwt" proves it',
  'magento-customer':
    '"magento-customer" proves it with the user name and password of a customer of a Magento 2 store',
  'magento-admin': '"magento-admin" proves it with those of an administrator of a Magento 2 store',
}

/** What the argument `provider` says of the providers that it may be. */
function providerText(names: readonly ProviderName[]): string {
  return `How the account is established: ${names.map((name) => does[name]).join(', ')}`
}
