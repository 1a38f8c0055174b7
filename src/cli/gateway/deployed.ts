/** Policies of the gateway, as `@NAME` and `@NAME:VERSION` name them. */
import { isName } from '../../names/tokens.ts'
import { loadPolicy } from '../../policy/load.ts'
import type { Given } from '../kit/arguments.ts'
import { MISUSE, misuse, type Outcome, type World } from '../kit/outcome.ts'
import { type LoadedPolicy, policyIn } from '../kit/source.ts'
import { type Answer, type Api, Ended, openApi, part } from './api.ts'
import { readLink } from './link.ts'

/** Tells whether a word names a deployed policy; a file of such a name is `./@NAME`. */
export function isDeployed(word: string): boolean {
  return word.startsWith('@')
}

/** A policy as an argument of a command names it. */
export interface PolicyWord {
  readonly command: string
  readonly word: string
}

/** The policy that a word names, or the outcome where there is none. */
export async function deployedPolicy(
  { command, word }: PolicyWord,
  given: Given,
  world: World,
): Promise<LoadedPolicy | { readonly failed: Outcome }> {
  return asked({ command, word }, given, { world, read: (api, answer) => loaded(api, answer) })
}

/** The same as text, as `policy show` prints it. */
export async function deployedText(
  { command, word }: PolicyWord,
  given: Given,
  world: World,
): Promise<{ readonly text: string } | { readonly failed: Outcome }> {
  return asked({ command, word }, given, {
    world,
    read: (_, { body }) => ({ text: JSON.stringify(body.policy, null, 2) }),
  })
}

async function asked<T>(
  { command, word }: PolicyWord,
  given: Given,
  {
    world,
    read,
  }: {
    readonly world: World
    readonly read: (api: Api, answer: Answer) => T
  },
): Promise<T | { readonly failed: Outcome }> {
  const [, name = '', version] = /^@([^:]*)(?::([1-9]\d{0,8}))?$/.exec(word) ?? []
  if (name === '')
    return { failed: misuse(command, [{ found: JSON.stringify(word), allowed: '@NAME, or @NAME:VERSION' }]) }
  const link = readLink(given, world)
  if (!('origin' in link)) return { failed: misuse(command, link) }
  try {
    const api = openApi(command, link, world, { reason: null })
    return read(api, await api.get(`/policies/${part(name)}`, { version }))
  } catch (error) {
    if (error instanceof Ended) return { failed: error.outcome }
    throw error
  }
}

/** Reads the policy that a word names: the gateway's where the word begins with `@`, otherwise that of a file. */
export async function policyOf(
  { command, word }: PolicyWord,
  given: Given,
  world: World,
): Promise<LoadedPolicy | { readonly failed: Outcome }> {
  if (isDeployed(word)) return deployedPolicy({ command, word }, given, world)
  const policy = await policyIn(word, world)
  return 'failed' in policy ? { failed: perhapsDeployed(word, policy.failed) } : policy
}

/** Says how the gateway's policy is named to whoever typed its name, and has no such file. */
export function perhapsDeployed(word: string, outcome: Outcome): Outcome {
  if (outcome.code !== MISUSE || !isName(word)) return outcome
  return {
    ...outcome,
    errors: outcome.errors.map((it) => `${it}; the gateway’s policy of that name is @${word}`),
  }
}

/** Loads the policy that the API answered, so that it can be compared. */
export function loaded({ command }: Pick<Api, 'command'>, { body }: Pick<Answer, 'body'>): LoadedPolicy {
  const policy = loadPolicy(body.policy)
  if (policy.ok) return policy
  const errors = [`${command}: the gateway has a policy that this program does not understand: is it older?`]
  throw new Ended({ code: 2, lines: [], errors, data: { errors: errors.map((problem) => ({ problem })) } })
}
