/**
 * The values of `completion/complete` that a policy looks at (MCP, completion). The value that is typed, and those that are settled,
 * stand under the names of their arguments, as in the request that they are for; and under names of their own, which no argument can take
 * (`completion.…`, path.ts).
 */
import type { Call, Completion, ReadKind } from './model.ts'
import { readKey } from './reading.ts'
import { expandTemplate } from './template.ts'

/** Returns the values that conditions on `args` look at. For a resource `uri` is the template's text, whatever its variables are called. */
export function completionArgs(kind: ReadKind, completion: Completion): Readonly<Record<string, string>> {
  const values = valuesOf(completion)
  return kind === 'resource' ? { ...values, uri: completion.ref } : values
}

function valuesOf({ argument, context }: Completion): Readonly<Record<string, string>> {
  return { ...context, [argument.name]: argument.value }
}

/** The URI that a template stands for with the values that there are; null for anything but the completion of one. */
export function expansionOf({ kind, completion }: Pick<Call, 'kind' | 'completion'>): string | null {
  if (kind !== 'resource' || completion === undefined) return null
  const expansion = expandTemplate(completion.ref, valuesOf(completion))
  return expansion === completion.ref ? null : expansion
}

/** The value of a variable called `uri`, which `args.uri` does not say; null for none. */
export function hiddenValueOf({ kind, completion }: Pick<Call, 'kind' | 'completion'>): string | null {
  if (kind !== 'resource' || completion === undefined) return null
  const values = valuesOf(completion)
  return Object.hasOwn(values, 'uri') ? (values.uri as string) : null
}

/** The params of `completion/complete` beside `ref` (MCP, completion). */
export interface Typed {
  readonly argument: { readonly name: string; readonly value: string }
  readonly context?: { readonly arguments?: Readonly<Record<string, string>> | undefined } | undefined
}

/**
 * A completion as the gateway asks a policy of it.
 * @param name what it is for, as policies name it: `notes__draft`, `files+file:///{path}`
 */
export function completionCall(
  kind: ReadKind,
  name: string,
  { argument, context }: Typed,
): Pick<Call, 'kind' | 'tool' | 'args' | 'completion'> {
  // The argument that is completed is none of those that are settled.
  const { [argument.name]: _, ...settled } = context?.arguments ?? {}
  const completion = { ref: readKey(kind, name)?.pattern ?? '', argument, context: settled }
  return { kind, tool: name, args: completionArgs(kind, completion), completion }
}
