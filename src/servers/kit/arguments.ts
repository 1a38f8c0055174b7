/** Checks a call's arguments against a tool's schema. PURE. */
import type * as z from 'zod/v4'
import { describeProblem, describeValue, type Problem, pointer } from '../../policy/problem.ts'

export type ParsedArguments =
  | { readonly ok: true; readonly args: Record<string, unknown> }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const MOST_PROBLEMS = 20

/** Only what the schema names gets through. Every problem says where it is, what was found and what is allowed. */
export function parseArguments(schema: z.ZodObject, args: unknown): ParsedArguments {
  const parsed = schema.safeParse(args ?? {}, { reportInput: true })
  if (parsed.success) return { ok: true, args: parsed.data as Record<string, unknown> }
  const names = Object.keys(schema.shape)
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, names))
  return { ok: false, problems: problems.slice(0, MOST_PROBLEMS) }
}

export function describeProblems(problems: readonly Problem[]): string {
  return problems.map(describeProblem).join('\n')
}

function problemsOf(issue: z.core.$ZodIssue, names: readonly string[]): Problem[] {
  const path = issue.path.map((token) => (typeof token === 'symbol' ? String(token) : token))
  const at = pointer(...path)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = path.length === 0 ? names.join(', ') : 'the names in the tool’s schema'
      return issue.keys.map((key) => ({
        pointer: pointer(...path, key),
        found: `the unknown argument ${describeValue(key)}`,
        allowed,
      }))
    }
    case 'invalid_value':
      return [
        { pointer: at, found: typeOf(issue.input), allowed: issue.values.map(describeValue).join(', ') },
      ]
    case 'invalid_type':
      return [{ pointer: at, found: typeOf(issue.input), allowed: issue.expected }]
    default:
      return [{ pointer: at, found: typeOf(issue.input), allowed: issue.message }]
  }
}

/** Names the JSON type alone: an argument's value must not be in an error that may be logged on its way. */
function typeOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
