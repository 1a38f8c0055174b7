/** What a policy means for one tool. */
import { isListed } from '../policy/decide.ts'
import type { HostedDocument, HostedTool } from '../policy/hosted.ts'
import type { Policy } from '../policy/model.ts'
import { type LimitWords, limitWords, requirementWords, whenWords } from './wording.ts'

export interface Meaning {
  readonly isListed: boolean
  /** What becomes of a call, as far as that is the same for every call. */
  readonly call: string
  /** What may deny it or ask a person, each in words. */
  readonly rules: readonly string[]
  readonly limits: readonly LimitWords[]
}

/** A policy that has loaded, compiled and in the dialect that it was compiled from. */
export interface Source {
  readonly policy: Policy
  readonly hosted: HostedDocument
}

/** Every tool that a policy names, to call or to hide. */
export function namedTools({ hosted }: Source): string[] {
  return [...Object.keys(hosted.tools ?? {}), ...(hosted.hide ?? []).filter((name) => name !== '*')]
}

/** What the policy means for calls of `tool`. */
export function meaningOf({ policy, hosted }: Source, tool: string): Meaning {
  const listed = isListed(policy, tool)
  const watched = (call: string) => (policy.shadow ? `allowed (shadow: ${call})` : call)
  const unreached = { isListed: listed, rules: [], limits: [] }
  if (policy.hidesAll || policy.hidden.has(tool)) return { ...unreached, call: watched('hidden') }
  if (!policy.tools.has(tool) && policy.defaultAction === 'deny') {
    return { ...unreached, call: watched('denied by default') }
  }
  const own = policy.tools.has(tool) ? hosted.tools?.[tool] : undefined
  const parts: [HostedTool, string | null][] = [
    [own ?? {}, tool],
    [hosted.all_tools ?? {}, null],
  ]
  const always = (list: 'deny_if' | 'require_approval') =>
    parts.some(([part]) => part[list]?.some((one) => one.conditions.length === 0 && one.shadow !== true))
  const call = always('deny_if')
    ? watched('denied')
    : always('require_approval')
      ? watched('needs approval')
      : 'allowed'
  return {
    isListed: listed,
    call,
    rules: parts.flatMap(([part]) => [
      ...(part.deny_if ?? []).map((it) => whenWords('denies', it, policy.shadow)),
      ...(part.require ?? []).map((it) => requirementWords(it, policy.shadow)),
      ...(part.require_approval ?? []).map((it) => whenWords('asks a person', it, policy.shadow)),
    ]),
    limits: parts.flatMap(([part, owner]) =>
      [...(part.limits ?? []), ...(part.counts ?? [])].map((it) => limitWords(it, owner, policy.shadow)),
    ),
  }
}
