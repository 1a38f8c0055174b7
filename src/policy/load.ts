/**
 * Loads a policy. All or nothing: with one problem in it there is no policy, and every problem is named. A part of a document that this
 * engine would not enforce is a problem, never ignored: a rule that silently does nothing is worse than no rule.
 */
import type * as z from 'zod/v4'
import { isObject, notJson } from '../base/json.ts'
import { compile } from './compile.ts'
import { type Dialect, dialectOf } from './dialect.ts'
import { type HostedDocument, hostedDocument, hostedTool } from './hosted.ts'
import { problemsOf } from './issues.ts'
import { type KnownTools, nothingKnown } from './known-tools.ts'
import type { Policy } from './model.ts'
import { type OffNames, offNamesOf, type Unchecked, uncheckedOf } from './name-warnings.ts'
import { describeValue, type Problem, pointer } from './problem.ts'
import { type RuleDocument, ruleDocument, ruleTool } from './rules.ts'
import { type ShortDocument, shortDocument, shortTool, translateShort } from './short.ts'
import { readText } from './text.ts'
import { translateRules } from './translate-rules.ts'
import type { Translation } from './translation.ts'
import { warningsOf } from './warnings.ts'

export type Loaded =
  | {
      readonly ok: true
      readonly policy: Policy
      readonly dialect: Dialect
      /** The same policy in the hosted dialect: what `convert` prints. */
      readonly hosted: HostedDocument
      /** Parts that are allowed, and probably not meant. */
      readonly warnings: readonly Problem[]
      /** Names that nobody could check, since the tools of a server are not known. */
      readonly unchecked: readonly Unchecked[]
      /** Names of tools that the deployment does not have. */
      readonly off: readonly OffNames[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * Loads a parsed document, of whichever dialect. Never throws, whatever it is given.
 *
 * @param known the tools that there are, as far as they are known: a name that none of them has, and a condition on an
 *   argument that its tool does not have, are warnings
 */
export function loadPolicy(document: unknown, known: KnownTools = nothingKnown): Loaded {
  const foreign = notJson(document)
  if (foreign !== null) {
    return refused({ pointer: pointer(...foreign.path), found: foreign.found, allowed: 'a JSON value' })
  }
  if (!isObject(document)) return refused({ pointer: '', found: describeValue(document), allowed: 'object' })
  const dialect = dialectOf(document)
  if (typeof dialect !== 'string') return { ok: false, problems: dialect }
  const schema = schemas[dialect]
  const parsed = schema.document().safeParse(document)
  if (!parsed.success) {
    const problems = problemsOf(parsed.error.issues, document)
    return { ok: false, problems: [...problems, ...deeperProblems(dialect, document)] }
  }
  const translation = translate(dialect, parsed.data, [])
  const { policy, problems } = compile(translation)
  const all = [...translation.problems, ...problems]
  if (all.length > 0) return { ok: false, problems: all }
  const { hosted } = translation
  const said = { warnings: warningsOf(translation, known), unchecked: uncheckedOf(hosted, known) }
  return { ok: true, policy, dialect, hosted, ...said, off: offNamesOf(hosted, known) }
}

/** Loads text, or UTF-8 bytes: JSON or YAML 1.2. Problems and warnings say line and column. Never throws. */
export function loadPolicyText(source: string | Uint8Array, known: KnownTools = nothingKnown): Loaded {
  const { value, problems, locate } = readText(source)
  const place = (problem: Problem): Problem => ({
    ...locate(problem.pointer, problem.onName ?? false),
    ...problem,
  })
  if (problems.length > 0) return { ok: false, problems: problems.map(place) }
  const loaded = loadPolicy(value, known)
  return loaded.ok
    ? { ...loaded, warnings: loaded.warnings.map(place) }
    : { ok: false, problems: loaded.problems.map(place) }
}

const schemas = {
  hosted: { document: hostedDocument, tool: hostedTool },
  rule: { document: ruleDocument, tool: ruleTool },
  short: { document: shortDocument, tool: shortTool },
} as const

function translate(dialect: Dialect, document: unknown, leftOut: readonly string[]): Translation {
  switch (dialect) {
    case 'hosted':
      return { hosted: document as HostedDocument, origins: new Map(), problems: [] }
    case 'rule':
      return translateRules(document as RuleDocument, leftOut)
    case 'short':
      return translateShort(document as ShortDocument)
  }
}

/** Finds contradictions between tools that are right by themselves, so that they are reported at once, not on the next attempt. */
function deeperProblems(dialect: Dialect, document: Record<string, unknown>): readonly Problem[] {
  const schema: z.ZodType = schemas[dialect].tool()
  const sound: [string, unknown][] = []
  const leftOut: string[] = []
  for (const [tool, entry] of Object.entries(isObject(document.tools) ? document.tools : {})) {
    const parsed = schema.safeParse(entry)
    if (parsed.success) sound.push([tool, parsed.data])
    else leftOut.push(tool)
  }
  const part = translate(dialect, { version: '1', tools: Object.fromEntries(sound) }, leftOut)
  const { problems } = compile(part)
  // The counter that a limit looks at may be one of a tool that was left out.
  return [
    ...part.problems,
    ...problems.filter(({ pointer }) => leftOut.length === 0 || !pointer.endsWith('/tool')),
  ]
}

function refused(problem: Problem): Loaded {
  return { ok: false, problems: [problem] }
}
