/**
 * The shape that an entry of a list must have so that clients take it: they check a list as a whole, and refuse all of it for one entry.
 * The shapes are MCP's (schema of 2025-11-25 and of 2026-07-28), as strict as the SDKs' clients of each era are. PURE.
 */
import { isObject } from '../base/json.ts'
import type { Era } from '../base/revisions.ts'
import {
  anyObject,
  type Fit,
  flag,
  list,
  Misfit,
  members,
  number,
  oneOf,
  type Path,
  someText,
  text,
} from './fitting.ts'
import { compilable } from './output-schema.ts'

export const entryKinds = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const
export type EntryKind = (typeof entryKinds)[number]

type Entry = Readonly<Record<string, unknown>>

export type Fitted =
  /** As it may be shown: itself, or mended. */
  | { readonly ok: true; readonly entry: Entry }
  /** Why it may not. */
  | { readonly ok: false; readonly reason: string }

/** The member that names an entry among those of its server. */
export const naming: Readonly<Record<EntryKind, string>> = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
}

/** Nothing that is written by hand comes near; what is deeper, some clients cannot parse, and we not write. */
const MOST_LEVELS = 128

/**
 * The entry for clients of an era. Mended is what says the same afterwards: an optional member that is null is absent, the
 * schema of a tool's arguments says that they are an object, and a result's schema that clients of the era do not know
 * is kept from them.
 */
export function fitEntry(kind: EntryKind, era: Era, entry: unknown): Fitted {
  if (isDeeper(entry, MOST_LEVELS))
    return { ok: false, reason: `it is nested more deeply than ${MOST_LEVELS} levels` }
  try {
    return { ok: true, entry: shapes[era][kind](entry, []) as Entry }
  } catch (error) {
    if (error instanceof Misfit) return { ok: false, reason: error.message }
    throw error
  }
}

/** The verdict on a tool in lists. */
export interface ToolVerdict {
  /** Why it is kept from some clients or from all, or null. */
  readonly problem: string | null
  /** True where there are clients that it is shown to. */
  readonly isShown: boolean
}

export function judgeTool(tool: unknown): ToolVerdict {
  const stateless = fitEntry('tools', 'stateless', tool)
  if (!stateless.ok) return { problem: stateless.reason, isShown: false }
  const session = fitEntry('tools', 'session', tool)
  const problem = session.ok ? null : `for clients of the session era: ${session.reason}`
  return { problem, isShown: true }
}

/** Looks level by level: recursion would end where the stack does. */
function isDeeper(value: unknown, most: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true
    level = level.flatMap((one) =>
      typeof one === 'object' && one !== null
        ? Object.values(one).filter((inner) => typeof inner === 'object' && inner !== null)
        : [],
    )
  }
  return false
}

/** RFC 3339 with an offset, as `Date` reads it, too. */
const instant: Fit = (value, path) => {
  const written =
    typeof value === 'string' &&
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/.test(value)
  if (written && isDate(value)) return value
  throw new Misfit(path, value, 'a date and time of ISO 8601 with an offset')
}

/** Tells whether the day is one that its month has: `Date` itself takes February 30 for a day of March. */
function isDate(value: string): boolean {
  const day = value.slice(0, 10)
  const parsed = Date.parse(`${day}T00:00:00Z`)
  const [hours = 0, minutes = 0] = value.slice(11, 16).split(':').map(Number)
  const offset = /[+-](\d{2}):(\d{2})$/.exec(value)
  const isOffset = offset === null || (Number(offset[1]) < 24 && Number(offset[2]) < 60)
  const seconds = /^.{16}:(\d{2})/.exec(value)?.[1] ?? '0'
  return (
    !Number.isNaN(parsed) &&
    new Date(parsed).toISOString().startsWith(day) &&
    isOffset &&
    hours < 24 &&
    minutes < 60 &&
    Number(seconds) < 60
  )
}

/** A relative reference becomes none when the server is put before it, and clients that parse URIs refuse the whole list. */
const uri: Fit = (value, path) => {
  if (typeof value === 'string' && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(value)) return value
  throw new Misfit(path, value, 'an absolute URI')
}

const icons = list(
  members({ src: text, mimeType: text, sizes: list(text), theme: oneOf('light', 'dark') }, 'src'),
)
const common = { title: text, description: text, icons, _meta: anyObject }
const annotations = members({
  audience: list(oneOf('user', 'assistant')),
  priority: number(0, 1),
  lastModified: instant,
})

const prompt = members(
  {
    ...common,
    name: someText,
    arguments: list(members({ name: text, title: text, description: text, required: flag }, 'name')),
  },
  'name',
)
const resource = members(
  {
    ...common,
    name: text,
    uri,
    mimeType: text,
    size: number(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
    annotations,
  },
  'name',
  'uri',
)
const template = members(
  { ...common, name: text, uriTemplate: someText, mimeType: text, annotations },
  'name',
  'uriTemplate',
)

/** A schema of one property. `true` and `false` are schemas (JSON Schema 2020-12, 4.3.2) that not every client knows. */
const property: Fit = (value, path) => {
  if (value === true || value === null) return {}
  if (value === false) return { not: {} }
  return anyObject(value, path)
}

const properties: Fit = (value, path) => {
  if (!isObject(value)) throw new Misfit(path, value, 'an object')
  const fitted = Object.entries(value).map(
    ([name, inner]) => [name, property(inner, [...path, name])] as const,
  )
  const isSame = fitted.every(([name, inner]) => inner === value[name])
  return isSame ? value : Object.fromEntries(fitted)
}

const ofArguments = {
  session: members({ properties, required: list(text) }),
  stateless: members({ $schema: text }),
} as const

/** Arguments are always an object, so a schema that does not say so, or says more, means just that. */
function inputSchema(era: Era): Fit {
  return (value, path) => {
    const schema = ofArguments[era](value, path) as Entry
    const { type } = schema
    if (type === 'object') return schema
    const isOpen = type === undefined || type === null || (Array.isArray(type) && type.includes('object'))
    if (!isOpen) throw new Misfit([...path, 'type'], type, '"object"')
    return { ...schema, type: 'object' }
  }
}

/** A result's schema that clients of the era refuse, a list of tools or a call and all, is kept from them. */
const outputSchema: Readonly<Record<Era, Fit>> = {
  session: keptIfRefused((value, path) => {
    const schema = compiled('session', value, path)
    if (schema.type === 'object') return schema
    // Structured content is an object in this era, so a schema that leaves the type open means one.
    if (schema.type === undefined || schema.type === null) return { ...schema, type: 'object' }
    throw new Misfit(path, schema.type, '"object"')
  }),
  stateless: keptIfRefused((value, path) => compiled('stateless', value, path)),
}

function compiled(era: Era, value: unknown, path: Path): Entry {
  const fitted = ofArguments[era](value, path) as Entry
  const { type, ...others } = fitted
  const schema = compilable(type === null ? others : fitted, era)
  if (schema === null) throw new Misfit(path, value, 'a JSON Schema that clients can compile')
  return schema
}

function keptIfRefused(shape: Fit): Fit {
  return (value: unknown, path: Path) => {
    try {
      return shape(value, path)
    } catch (error) {
      if (error instanceof Misfit) return undefined
      throw error
    }
  }
}

function tool(era: Era): Fit {
  return members(
    {
      ...common,
      name: text,
      inputSchema: inputSchema(era),
      outputSchema: outputSchema[era],
      annotations: members({
        title: text,
        readOnlyHint: flag,
        destructiveHint: flag,
        idempotentHint: flag,
        openWorldHint: flag,
      }),
      // Only the session era has it.
      ...(era === 'session'
        ? { execution: members({ taskSupport: oneOf('required', 'optional', 'forbidden') }) }
        : {}),
    },
    'name',
    'inputSchema',
  )
}

const others = { prompts: prompt, resources: resource, resourceTemplates: template }
const shapes: Readonly<Record<Era, Readonly<Record<EntryKind, Fit>>>> = {
  session: { ...others, tools: tool('session') },
  stateless: { ...others, tools: tool('stateless') },
}
