/**
 * Finds out whether clients can compile the JSON Schema of a tool's results. Clients compile it to check results: some do so while they
 * read the list, and refuse all of it for one schema, others refuse to call the tool. PURE.
 *
 * The rules are those of JSON Schema (draft-06 to 2020-12) that compilers depend on. They are a little stricter where schemas name each
 * other: an id or a reference beyond the schema would be looked up among the schemas of other tools and other servers.
 */
import { isLiteral, numberOf } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import type { Era } from '../base/revisions.ts'

type Schema = Readonly<Record<string, unknown>>

/** Collects what can be judged only when the whole schema was seen. */
interface Seen {
  /** True where `items` may be a list, as before 2020-12. */
  readonly hasTuples: boolean
  /** Each place that is a schema: what a reference may lead to. */
  readonly schemas: Set<unknown>
  readonly references: string[]
}

type Check = (value: unknown, seen: Seen) => boolean

/**
 * @param schema the schema of a tool's results, nested no deeper than the stack allows
 * @param era the clients': those of the session era read any schema as draft-07, the others as the dialect that it names, by default 2020-12
 * @returns the schema without its own `$id`, which could only mix it up with another tool's; null when clients cannot compile it
 */
export function compilable(schema: Schema, era: Era): Schema | null {
  const { $id, ...rest } = schema
  const own = $id === undefined ? schema : rest
  const dialect = dialectOf(own.$schema)
  if (dialect === null) return null
  const hasTuples = era === 'session' || dialect !== '/2020-12'
  const seen: Seen = { hasTuples, schemas: new Set(), references: [] }
  const isFit = isSchema(own, seen) && seen.references.every((to) => leads(own, to, seen))
  return isFit ? own : null
}

/** The end of a dialect's name, of those that both SDKs compile; null for another. */
function dialectOf($schema: unknown): string | null {
  if ($schema === undefined) return '/2020-12'
  const dialects = /^https?:\/\/json-schema\.org\/draft(\/2019-09|\/2020-12|-06|-07)\/schema#?$/
  return (typeof $schema === 'string' && dialects.exec($schema)?.[1]) || null
}

const types = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'])
const isType: Check = (value) => typeof value === 'string' && types.has(value)
const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isNumber: Check = (value) => Number.isFinite(numberOf(value))
const isCount: Check = (value, seen) => isNumber(value, seen) && Number(numberOf(value)) >= 0
const isPattern: Check = (value) => {
  if (typeof value !== 'string') return false
  try {
    // ECMA-262 with Unicode: JSON Schema 2020-12, 6.4.
    new RegExp(value, 'u')
    return true
  } catch {
    return false
  }
}

function listOf(check: Check): Check {
  return (value, seen) => Array.isArray(value) && value.every((item) => check(item, seen))
}

function mapOf(check: Check, isName: Check = isText): Check {
  return (value, seen) =>
    isObject(value) &&
    Object.entries(value).every(([name, inner]) => isName(name, seen) && check(inner, seen))
}

function either(...checks: readonly Check[]): Check {
  return (value, seen) => checks.some((check) => check(value, seen))
}

const isSchema: Check = (value, seen) => {
  if (typeof value === 'boolean') return true
  if (!isObject(value) || isLiteral(value)) return false
  seen.schemas.add(value)
  if (!isTypeGiven(value)) return false
  return Object.entries(value).every(([name, inner]) => {
    const check = Object.hasOwn(keywords, name) ? keywords[name] : hasNoName
    return check === undefined || check(inner, seen)
  })
}

/** OpenAPI's `nullable` says something of a type alone. */
function isTypeGiven({ type, nullable }: Schema): boolean {
  if (nullable === undefined) return true
  const given = Array.isArray(type) ? type : [type]
  return type !== undefined && !(nullable === false && given.includes('null'))
}

/** A keyword that JSON Schema does not know may hold anything but names that compilers look for everywhere. */
const hasNoName: Check = (value, seen) => {
  if (Array.isArray(value)) return value.every((item) => hasNoName(item, seen))
  if (!isObject(value)) return true
  const isNamed = ['$id', '$anchor', '$dynamicAnchor'].some((name) => typeof value[name] === 'string')
  return !isNamed && Object.values(value).every((inner) => hasNoName(inner, seen))
}

/** Compilers do not tell a schema of this name from an id, on the way of a reference. */
const isNoId: Check = (name) => name !== '$id'
const isAnything: Check = () => true
/** Compilers find schemas by these names, too, each in its own way, and not in every place. */
const isRefused: Check = () => false
const isReference: Check = (value, seen) => typeof value === 'string' && seen.references.push(value) > 0
const isTypes = listOf(isType)
const schemas = listOf(isSchema)
const isSomeOf: Check = (value, seen) => schemas(value, seen) && (value as unknown[]).length > 0

const keywords: Readonly<Record<string, Check>> = {
  // Ajv's, for schemas that wait.
  $async: isRefused,
  $anchor: isRefused,
  $comment: isAnything,
  $defs: mapOf(isSchema, isNoId),
  $dynamicAnchor: isRefused,
  $dynamicRef: isRefused,
  $id: isRefused,
  $recursiveAnchor: isRefused,
  $recursiveRef: isRefused,
  $ref: isReference,
  $schema: isText,
  additionalItems: isSchema,
  additionalProperties: isSchema,
  allOf: isSomeOf,
  anyOf: isSomeOf,
  const: isAnything,
  contains: isSchema,
  default: isAnything,
  definitions: mapOf(isSchema),
  dependencies: mapOf(either(listOf(isText), isSchema)),
  dependentRequired: mapOf(listOf(isText)),
  dependentSchemas: mapOf(isSchema, isNoId),
  else: isSchema,
  enum: (value) => Array.isArray(value) && value.length > 0,
  examples: isAnything,
  exclusiveMaximum: isNumber,
  exclusiveMinimum: isNumber,
  format: isText,
  // Draft-04's.
  id: isRefused,
  if: isSchema,
  items: (value, seen) => isSchema(value, seen) || (seen.hasTuples && schemas(value, seen)),
  maxContains: isCount,
  maximum: isNumber,
  maxItems: isCount,
  maxLength: isCount,
  maxProperties: isCount,
  minContains: isCount,
  minimum: isNumber,
  minItems: isCount,
  minLength: isCount,
  minProperties: isCount,
  multipleOf: (value, seen) => isNumber(value, seen) && Number(numberOf(value)) > 0,
  not: isSchema,
  nullable: isFlag,
  oneOf: isSomeOf,
  pattern: isPattern,
  patternProperties: mapOf(isSchema, isPattern),
  prefixItems: isSomeOf,
  properties: mapOf(isSchema),
  propertyNames: isSchema,
  required: listOf(isText),
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
  then: isSchema,
  type: either(isType, (value, seen) => isTypes(value, seen) && (value as unknown[]).length > 0),
  unevaluatedItems: isSchema,
  unevaluatedProperties: isSchema,
  uniqueItems: isFlag,
}

/** Tells whether a reference leads to a schema within the document, and the references that it leads to come to an end. */
function leads(root: Schema, reference: string, seen: Seen): boolean {
  const passed = new Set<unknown>()
  for (let to: unknown = reference; typeof to === 'string'; ) {
    const target = targetOf(root, to, seen)
    if (typeof target === 'boolean') return true
    if (target === null || passed.has(target)) return false
    passed.add(target)
    to = target.$ref
  }
  return true
}

/** Resolves a reference: `#`, or a JSON Pointer as a fragment (RFC 6901, 6). Null where no schema is there. */
function targetOf(root: Schema, reference: string, seen: Seen): Schema | boolean | null {
  if (!reference.startsWith('#')) return null
  const fragment = decoded(reference.slice(1))
  if (fragment === null) return null
  if (fragment !== '' && !fragment.startsWith('/')) return null
  let at: unknown = root
  for (const part of fragment.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    const isInside = typeof at === 'object' && at !== null && Object.hasOwn(at, name)
    at = isInside ? (at as Schema)[name] : undefined
  }
  if (typeof at === 'boolean') return at
  return seen.schemas.has(at) ? (at as Schema) : null
}

function decoded(fragment: string): string | null {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return null
  }
}
