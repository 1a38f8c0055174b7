/** Finds the subject of a request to read in its params. No other param is passed on. PURE. */
import { isObject } from '../base/json.ts'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import type { Era } from '../base/revisions.ts'
import { completionArgs } from '../policy/completion.ts'
import type { Completion, ReadKind } from '../policy/model.ts'

/** The methods that read something by name or URI. Lists are no such: what they show is decided entry by entry. */
export const readMethods = [
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/get',
  'completion/complete',
] as const
export type ReadMethod = (typeof readMethods)[number]

export function isReadMethod(method: string): method is ReadMethod {
  return (readMethods as readonly string[]).includes(method)
}

/** Tells whether the era has such a method: a stateless client watches resources with `subscriptions/listen` alone. */
export function readsIn(era: Era, method: string): method is ReadMethod {
  const isOfSessions = method === 'resources/subscribe' || method === 'resources/unsubscribe'
  return isReadMethod(method) && !(era === 'stateless' && isOfSessions)
}

/** Something to be read, by the server's own name for it. */
export interface Read {
  readonly kind: ReadKind
  readonly method: string
  /** The resource's URI, a template's text, or the prompt's name. */
  readonly own: string
  /** The values that conditions of a policy look at: the arguments of a prompt, or `uri`. */
  readonly args: Readonly<Record<string, unknown>>
  /** The same of a completion, under names that none of its arguments can take. */
  readonly completion?: Completion
  /** It takes nothing from limits: it ends something. */
  readonly isFree: boolean
  /** The params that are passed on, beside those that every request may have. */
  readonly params: Readonly<Record<string, unknown>>
}

type Params = Readonly<Record<string, unknown>>

/** Reads the params of a request whose names are the server's own, or says what is wrong with them. */
export function readOf(method: ReadMethod, params: Params): Read | { readonly problem: string } {
  switch (method) {
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return resourceOf(method, params)
    case 'prompts/get':
      return promptOf(method, params)
    case 'completion/complete':
      return completionOf(method, params)
  }
}

function resourceOf(method: string, { uri }: Params) {
  if (typeof uri !== 'string') return wrong('params.uri', uri, 'a string')
  const isFree = method === 'resources/unsubscribe'
  return { kind: 'resource', method, own: uri, args: { uri }, isFree, params: { uri } } as const
}

function promptOf(method: string, { name, arguments: given }: Params) {
  if (typeof name !== 'string') return wrong('params.name', name, 'a string')
  // MCP, prompts/get: arguments are strings by name. Clients that have none send null as well as nothing.
  const args = given ?? {}
  if (!isTexts(args)) return wrong('params.arguments', given, 'an object of strings')
  const params = { name, ...(given === undefined || given === null ? {} : { arguments: args }) }
  return { kind: 'prompt', method, own: name, args, isFree: false, params } as const
}

/** Finds the subject of a completion: a prompt by name, or a resource template by its text (MCP, completion). */
function completionOf(method: string, { ref, argument, context }: Params) {
  if (!isObject(argument) || typeof argument.name !== 'string' || typeof argument.value !== 'string')
    return wrong('params.argument', argument, 'an object with the strings name and value')
  const before = isObject(context) ? (context.arguments ?? {}) : {}
  const isContext = context === undefined || context === null || isObject(context)
  if (!isContext || !isTexts(before))
    return wrong('params.context', context, 'an object whose arguments are strings')
  const { name, value } = argument
  // The argument that is completed is none of those that are settled: under its name the policy judges the value here, so no other goes on.
  const { [name]: _, ...settled } = before
  const said = {
    argument: { name, value },
    ...(isObject(context) ? { context: { arguments: settled } } : {}),
  }
  const completing = (kind: ReadKind, own: string, sent: object): Read => {
    const completion = { ref: own, argument: { name, value }, context: settled }
    const args = completionArgs(kind, completion)
    return { kind, method, own, args, completion, isFree: false, params: { ref: sent, ...said } }
  }
  if (isObject(ref) && ref.type === 'ref/prompt' && typeof ref.name === 'string')
    return completing('prompt', ref.name, { type: ref.type, name: ref.name })
  if (isObject(ref) && ref.type === 'ref/resource' && typeof ref.uri === 'string')
    return completing('resource', ref.uri, { type: ref.type, uri: ref.uri })
  return wrong('params.ref', ref, '{type: "ref/prompt", name} or {type: "ref/resource", uri}')
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string')
}

function wrong(place: string, found: unknown, allowed: string) {
  const is =
    found === undefined
      ? 'nothing'
      : found === null
        ? 'null'
        : Array.isArray(found)
          ? 'an array'
          : typeof found
  return { problem: `${place}: found ${is}; allowed: ${allowed}` }
}

/** As the client named it, for the answer. */
export function askedName({ params = {} }: { readonly params?: Params | undefined }): unknown {
  const ref = isObject(params.ref) ? params.ref : params
  return ref.uri ?? ref.name
}

/**
 * That there is no such thing: the same for what its server does not have, as far as the gateway tells, and for what a policy
 * hides (MCP 2025-11-25, resources: -32002 with the URI; 2026-07-28, and prompts in both: -32602).
 */
export function absent(kind: ReadKind, method: string, era: Era, name: unknown): Refusal {
  if (kind === 'prompt')
    return { status: 200, code: codes.invalidParams, message: `Unknown prompt: ${String(name)}` }
  return { status: 200, code: readCode(method, era), message: 'Resource not found', data: { uri: name } }
}

/** The code of a refusal to read, in the words of the client's era. */
export function readCode(method: string, era: Era): number {
  return method.startsWith('resources/') && era === 'session' ? codes.resourceNotFound : codes.invalidParams
}
