/** Policies of the gateway, as `@NAME` and `@NAME:VERSION` name them. */
import { loadPolicy } from '../../policy/load.ts'
import type { Given } from '../kit/arguments.ts'
import { misuse, type Outcome, type World } from '../kit/outcome.ts'
import type { LoadedPolicy } from '../kit/source.ts'
import { type Answer, type Api, Ended, openApi, part } from './api.ts'
import { readLink } from './link.ts'

/** Tells whether a word names a deployed policy; a file of such a name is `./@NAME`. */
export function isDeployed(word: string): boolean {
  return word.startsWith('@')
}

/** The policy that a word names, or what its absence comes to. */
export async function deployedPolicy(
  command: string,
  word: string,
  given: Given,
  world: World,
): Promise<LoadedPolicy | { readonly failed: Outcome }> {
  const [, name = '', version] = /^@([^:]*)(?::([1-9]\d{0,8}))?$/.exec(word) ?? []
  if (name === '')
    return { failed: misuse(command, [{ found: JSON.stringify(word), allowed: '@NAME, or @NAME:VERSION' }]) }
  const link = readLink(given, world)
  if (!('origin' in link)) return { failed: misuse(command, link) }
  try {
    const api = openApi(command, link, world, { reason: null })
    return loaded(api, await api.get(`/policies/${part(name)}`, { version }))
  } catch (error) {
    if (error instanceof Ended) return { failed: error.outcome }
    throw error
  }
}

/** Loads the policy that the API answered, so that it can be compared. */
export function loaded({ command }: Pick<Api, 'command'>, { body }: Pick<Answer, 'body'>): LoadedPolicy {
  const policy = loadPolicy(body.policy)
  if (policy.ok) return policy
  const errors = [`${command}: the gateway has a policy that this program does not understand: is it older?`]
  throw new Ended({ code: 2, lines: [], errors, data: { errors: errors.map((problem) => ({ problem })) } })
}
