/** The beginning of a login: whether the arguments are those of the provider that it names. */
import type { CallContext, Preparation } from '../kit/tool.ts'
import { providerArguments, providers } from './providers/all.ts'
import type { Complete, Given, Provider } from './providers/provider.ts'

/**
 * @param args as the schema of auth_login has let them through
 * @param complete makes the answer to a login that took place
 */
export async function prepareLogin(
  args: Given,
  context: CallContext,
  complete: Complete,
): Promise<Preparation> {
  const provider = providers.find(({ name }) => name === args.provider)
  if (provider === undefined) throw new Error('the schema has let an unknown provider through')
  const wrong = argumentsProblem(provider, args)
  if (wrong !== null) return { kind: 'refuse', code: 'invalid_arguments', message: wrong }
  return provider.prepare(args, context, complete)
}

function argumentsProblem({ name, takes }: Provider, args: Given): string | null {
  const own = Object.keys(takes)
  const also = own.filter((argument) => takes[argument]?.isOptional)
  const needed = own.filter((argument) => !also.includes(argument))
  const unused = Object.keys(providerArguments).filter((argument) => !own.includes(argument))
  const isComplete = needed.every((argument) => args[argument] !== undefined)
  if (isComplete && unused.every((argument) => args[argument] === undefined)) return null
  const optional = also.length === 0 ? '' : ` (and, where there are several, ${also.join(', ')})`
  return `provider "${name}" takes the argument ${needed.join(' and ')}${optional} and not ${unused.join(', ')}`
}
