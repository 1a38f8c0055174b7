/** `auth_login` as it is listed: with the providers that the tenant has set up, and with their arguments alone. PURE. */
import type { Tool } from '@modelcontextprotocol/server'
import type { TenantSettings } from '../../contract/config.ts'
import { providerArguments, providers } from './providers/all.ts'
import type { Provider } from './providers/provider.ts'

/**
 * The definition for agents of this tenant. A provider that is not listed is refused as ever, should it be called. Where
 * the tenant has set up none at all, those are listed that need no other system.
 */
export function withProviders(definition: Tool, settings: TenantSettings): Tool {
  const accepted = providers.filter((it) => it.accepts(settings))
  const listed = accepted.length === 0 ? providers.filter((it) => it.isAlwaysListed) : accepted
  const { properties = {} } = definition.inputSchema
  const unused = new Set(Object.keys(providerArguments))
  for (const { takes } of listed) for (const argument of Object.keys(takes)) unused.delete(argument)
  const kept = Object.entries(properties)
    .filter(([name]) => !unused.has(name))
    .map(([name, schema]) => [name, name === 'provider' ? providerSchema(schema as object, listed) : schema])
  const inputSchema = { ...definition.inputSchema, properties: Object.fromEntries(kept) as typeof properties }
  return { ...definition, inputSchema }
}

function providerSchema(schema: object, listed: readonly Provider[]) {
  return { ...schema, description: providerText(listed), enum: listed.map(({ name }) => name) }
}

/** The description of the argument `provider`, of those that it may be. */
export function providerText(listed: readonly Provider[]): string {
  return `How the account is established: ${listed.map(({ name, does }) => `"${name}" ${does}`).join(', ')}`
}
