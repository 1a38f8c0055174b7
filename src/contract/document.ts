/**
 * Documents that administrators write. The schema of each is the one place that says which members it has: its type, and the commands
 * that change a part of it, follow the schema. PURE.
 */
import type * as z from 'zod/v4'

type Unchanging<T> = T extends readonly (infer Item)[] ? readonly Item[] : T

/** A document as its schema gives it. */
export type DocumentOf<S extends z.ZodObject> = {
  readonly [Member in keyof z.output<S>]: Unchanging<z.output<S>[Member]>
}

/** Returns the document in a resource, which shows other members beside it. */
export function documentOf(
  { shape }: z.ZodObject,
  resource: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(shape).flatMap((member) =>
      Object.hasOwn(resource, member) ? [[member, resource[member]]] : [],
    ),
  )
}
