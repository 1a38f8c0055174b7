/** Warns of parts that a document may have, but that its author can hardly have meant. */
import { isObject } from '../base/json.ts'
import { sections } from './compile.ts'
import type { HostedRules } from './hosted.ts'
import type { KnownTools } from './known-tools.ts'
import { readKinds } from './model.ts'
import { isNoName, nameWarning, readingWarnings } from './name-warnings.ts'
import { parsePath, type Step } from './path.ts'
import { type Problem, pointer } from './problem.ts'
import { nearest } from './spelling.ts'
import { concealsIn, usesOf } from './tool-uses.ts'
import type { Translation } from './translation.ts'
import { pathsIn, type Use } from './uses.ts'

/** Warnings about a document that has compiled. */
export function warningsOf({ hosted, origins }: Translation, known: KnownTools): Problem[] {
  const origin = (place: string) => origins.get(place) ?? place
  const warnings: Problem[] = []
  const tools = Object.entries(hosted.tools ?? {})
  const hidden = (hosted.hide ?? []).map((name, i) => [name, pointer('hide', i)] as const)
  for (const [name, place] of [
    ...hidden,
    ...tools.map(([name]) => [name, pointer('tools', name)] as const),
  ]) {
    if (name.includes('*') && name !== '*') warnings.push(noPattern(name, place))
    // A tool's name may have neither, as far as any server is known.
    else if (name.includes('://')) warnings.push(noTool(name, place))
  }
  for (const [name, place] of hidden) {
    const warning = isNoName(name) ? null : nameWarning(known, name, place)
    if (warning !== null) warnings.push(warning)
  }
  for (const [tool, rules] of tools) {
    const place = pointer('tools', tool)
    const warning = nameWarning(known, tool, place)
    if (warning !== null) warnings.push(warning)
    for (const use of [...usesOf(rules, place, origin), ...concealsIn(rules, place, origin)]) {
      const unknown = (known.schemas.get(tool) ?? []).map((schema) => unknownArgument(use, schema))
      // Among several servers' tools of one name it is enough that one takes it.
      const [first = null] = unknown
      if (first !== null && unknown.every((it) => it !== null)) warnings.push(first)
    }
  }
  warnings.push(...readingWarnings(hosted, known))
  const reading = readKinds.flatMap((kind) =>
    Object.entries(hosted[sections[kind]] ?? {}).map(
      ([key, it]) => [it, pointer(sections[kind], key)] as const,
    ),
  )
  const entries: (readonly [HostedRules, string])[] = [
    ...tools.map(([tool, it]) => [it, pointer('tools', tool)] as const),
    [hosted.all_tools ?? {}, '/all_tools'],
    ...reading,
  ]
  for (const [rules, place] of entries) {
    for (const list of ['deny_if', 'require_approval'] as const) {
      for (const { path, at, isNegated } of usesBelow(rules, place, list, origin)) {
        if (path.includes('[*]') && !isNegated) warnings.push(everyElement({ path, at, isNegated }))
      }
    }
  }
  for (const [rules, place] of entries) {
    for (const { path, at, isNegated } of usesBelow(rules, place, 'require', origin)) {
      if (path.includes('[*]') && isNegated) warnings.push(notEveryElement({ path, at, isNegated }))
    }
  }
  return warnings
}

function usesBelow(
  rules: HostedRules,
  place: string,
  list: 'deny_if' | 'require' | 'require_approval',
  origin: (place: string) => string,
): Use[] {
  return (rules[list] ?? []).flatMap((rule, i) => {
    const at = `${place}/${list}/${i}`
    return 'conditions' in rule
      ? rule.conditions.flatMap((it, j) => pathsIn(it, origin(`${at}/conditions/${j}`)))
      : pathsIn(rule, origin(at))
  })
}

function notEveryElement({ path, at }: Use): Problem {
  return {
    pointer: at,
    found: `not around ${path}, which means every element: one that does not fit is enough to satisfy it`,
    allowed: 'the opposite condition without not, which each element must meet',
  }
}

function noPattern(name: string, at: string): Problem {
  return {
    pointer: at,
    found: `the name ${JSON.stringify(name)}, which is no pattern: it names a tool that is called just so`,
    allowed: 'the whole name of a tool',
    onName: true,
  }
}

function noTool(name: string, at: string): Problem {
  return {
    pointer: at,
    found: `the name ${JSON.stringify(name)}, which looks like a URI: here only tools are meant`,
    allowed: 'the name of a tool; what may be read stands under /resources',
    onName: true,
  }
}

function everyElement({ path, at }: Use): Problem {
  return {
    pointer: at,
    found: `${path}, which means every element: one that does not fit keeps the rule from acting`,
    allowed: `a require, or not around the condition that each element must meet`,
  }
}

/** Follows a path through a schema as far as the schema is plain: beyond `$ref` and the like nothing is said. */
function unknownArgument({ path, at }: Use, schema: unknown): Problem | null {
  const parsed = parsePath(path)
  if (!parsed.ok || parsed.path.root !== 'args') return null
  let here: unknown = schema
  for (const step of parsed.path.steps) {
    const next = follow(here, step)
    if (next === undefined) return null
    if ('names' in next) {
      return {
        pointer: at,
        found: `${path}, but the tool has no argument ${JSON.stringify(next.name)} there`,
        allowed: next.names.join(', '),
        nearest: nearest(next.name, next.names),
      }
    }
    here = next.schema
  }
  return null
}

type Followed = { readonly schema: unknown } | { readonly name: string; readonly names: readonly string[] }

function follow(schema: unknown, step: Step): Followed | undefined {
  if (!isObject(schema)) return undefined
  if (step.kind !== 'name') return isObject(schema.items) ? { schema: schema.items } : undefined
  const { properties } = schema
  if (!isObject(properties)) return undefined
  if (Object.hasOwn(properties, step.name)) return { schema: properties[step.name] }
  // Names that a pattern or a combination may add are not known to be absent.
  const isOpen =
    isObject(schema.additionalProperties) ||
    ['patternProperties', 'anyOf', 'oneOf', 'allOf', '$ref'].some((word) => Object.hasOwn(schema, word))
  return isOpen ? undefined : { name: step.name, names: Object.keys(properties) }
}
