/** Says in words what a policy means for one tool, or for one resource or prompt. */
import { sections } from '../policy/compile.ts'
import { isListed, isReadable } from '../policy/decide.ts'
import type { HostedDocument, HostedReadingEntry, HostedTool } from '../policy/hosted.ts'
import type { Policy, ReadKind } from '../policy/model.ts'
import { entryFor } from '../policy/reading.ts'
import { type LimitWords, limitWords, ownerWords, requirementWords, whenWords } from './wording.ts'

export interface Meaning {
  readonly isListed: boolean
  /** The fate of a call, as far as it is the same for every call. */
  readonly call: string
  /** Rules that may deny it or ask a person, each in words. */
  readonly rules: readonly string[]
  readonly limits: readonly LimitWords[]
}

/** A policy that has loaded, compiled and in the dialect that it was compiled from. */
export interface Source {
  readonly policy: Policy
  readonly hosted: HostedDocument
}

/** Rules with what their counters belong to, in words. */
type Part = readonly [HostedTool, string]

/** Every tool that a policy names, to call or to hide. */
export function namedTools({ hosted }: Source): string[] {
  return [...Object.keys(hosted.tools ?? {}), ...(hosted.hide ?? []).filter((name) => name !== '*')]
}

/** Every key of a section on reading; null where there is no such section. */
export function namedReads({ hosted }: Source, kind: ReadKind): string[] | null {
  const section = hosted[sections[kind]]
  return section === undefined ? null : Object.keys(section)
}

/** Says what the policy means for calls of `tool`. */
export function meaningOf({ policy, hosted }: Source, tool: string): Meaning {
  const listed = isListed(policy, tool)
  if (policy.hidesAll || policy.hidden.has(tool)) return unreached(policy, listed, 'hidden')
  if (!policy.tools.has(tool) && policy.defaultAction === 'deny') {
    return unreached(policy, listed, 'denied by default')
  }
  const own = policy.tools.has(tool) ? hosted.tools?.[tool] : undefined
  return meaningOfParts(policy, listed, [
    [own ?? {}, ownerWords(tool)],
    [hosted.all_tools ?? {}, ownerWords('*')],
    everything(hosted),
  ])
}

/** Says what the policy means for reads under `name`: a key, or anything that has no key. */
export function meaningOfReading({ policy, hosted }: Source, kind: ReadKind, name: string): Meaning {
  const section = hosted[sections[kind]]
  const reading = kind === 'resource' ? policy.resources : policy.prompts
  if (section === undefined || reading === null) return meaningOfParts(policy, true, [everything(hosted)])
  // A key is a name as well, in which `*` is itself; the server that stands for any has a name of its own.
  const example = name.replace(/^\*(?=\+|__)/, 'any')
  const listed = isReadable(policy, kind, example)
  const entry = entryFor(reading, example)
  if (entry?.hides) return unreached(policy, listed, 'hidden')
  if (entry === null && policy.defaultAction === 'deny') return unreached(policy, listed, 'denied by default')
  const { hide: _, ...own }: HostedReadingEntry = (entry === null ? undefined : section[entry.key]) ?? {}
  return meaningOfParts(policy, listed, [
    [own, `the ${kind} ${JSON.stringify(entry?.key)}`],
    everything(hosted),
  ])
}

function everything({ all = {} }: HostedDocument): Part {
  return [all, 'everything']
}

function unreached(policy: Policy, listed: boolean, call: string): Meaning {
  return { isListed: listed, rules: [], limits: [], call: watched(policy, call) }
}

function watched(policy: Policy, call: string): string {
  return policy.shadow ? `allowed (shadow: ${call})` : call
}

function meaningOfParts(policy: Policy, listed: boolean, parts: readonly Part[]): Meaning {
  const always = (list: 'deny_if' | 'require_approval') =>
    parts.some(([part]) => part[list]?.some((one) => one.conditions.length === 0 && one.shadow !== true))
  const call = always('deny_if')
    ? watched(policy, 'denied')
    : always('require_approval')
      ? watched(policy, 'needs approval')
      : 'allowed'
  return {
    isListed: listed,
    call,
    rules: parts.flatMap(([part]) => [
      ...(part.deny_if ?? []).map((it) => whenWords('denies', it, policy.shadow)),
      ...(part.require ?? []).map((it) => requirementWords(it, policy.shadow)),
      ...(part.require_approval ?? []).map((it) => whenWords('asks a person', it, policy.shadow)),
      ...(part.conceal ?? []).map((path) => `conceals ${path} from whoever approves`),
    ]),
    limits: parts.flatMap(([part, owner]) =>
      [...(part.limits ?? []), ...(part.counts ?? [])].map((it) => limitWords(it, owner, policy.shadow)),
    ),
  }
}
