/** What the provider of a model is here: a form of requests, and a form of answers. */
import type { Asked, Said } from './script.ts'

/** A JSON object, as it was read. */
export type Json = Readonly<Record<string, unknown>>

export interface Provider {
  /** Whether a request to this path, without its query, is for this provider's model. */
  matches(path: string): boolean
  /** The request in the words of no provider. */
  read(body: Json): Asked
  /** The answer: events of a stream where the request asks for one, else one document. */
  write(said: Said, body: Json, path: string): Answer
}

export type Answer =
  | {
      readonly kind: 'events'
      readonly events: readonly { readonly event?: string; readonly data: unknown }[]
    }
  | { readonly kind: 'document'; readonly document: unknown }

/** Every text in a value of any depth, for providers put results in forms of their own. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  const { text, output, content, error, ...rest } = value as Json
  const said = [text, output, content, error].flatMap(textsIn)
  return said.length > 0 ? said : [JSON.stringify(rest)]
}

export function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === 'object' && it !== null) : []
}

let last = 0

/** An id that no other answer of this run has. */
export function freshId(prefix: string): string {
  last += 1
  return `${prefix}${String(last).padStart(8, '0')}`
}
