/** The settings that a document may have, by their paths, as its JSON Schema says. PURE. */

type Schema = Readonly<Record<string, unknown>>

/**
 * Paths of everything that can be set: `sessions.idle_seconds`, `identity.jwt[].issuer`, `tools.*.limits[].max`. `root` is what
 * `$ref` is looked up in.
 */
export function settingsOf(root: Schema): readonly string[] {
  const found = new Set<string>()
  walk(root, '', [], root, found)
  return [...found].sort()
}

function walk(
  schema: unknown,
  path: string,
  open: readonly unknown[],
  root: Schema,
  found: Set<string>,
): void {
  // What is inside itself again says nothing new.
  if (!isSchema(schema) || open.includes(schema)) return
  const within = [...open, schema]
  const below = (part: unknown, at: string) => walk(part, at, within, root, found)
  if (typeof schema.$ref === 'string') {
    below(resolve(root, schema.$ref), path)
    return
  }
  const parts = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => (schema[word] as unknown[] | undefined) ?? [])
  for (const part of parts) below(part, path)
  for (const [name, member] of Object.entries((schema.properties ?? {}) as Schema))
    below(member, path === '' ? name : `${path}.${name}`)
  if (isSchema(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0)
    below(schema.additionalProperties, path === '' ? '*' : `${path}.*`)
  if (isSchema(schema.items)) below(schema.items, `${path}[]`)
  const isInner = schema.properties !== undefined || schema.items !== undefined || parts.length > 0
  if (!isInner && path !== '') found.add(path)
}

function resolve(root: Schema, ref: string): unknown {
  const names = ref.split('/').slice(1)
  return names.reduce<unknown>((at, name) => (isSchema(at) ? at[name] : undefined), root)
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
