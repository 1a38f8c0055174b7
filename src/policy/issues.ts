/** From what a schema objects to, to problems that an author can act on. */
import type * as z from 'zod/v4'
import { isObject } from '../base/json.ts'
import { describeValue, type Problem, pointer } from './problem.ts'
import { nearest } from './spelling.ts'

type Issue = z.core.$ZodIssue
type PathToken = string | number

/** Every problem that the issues of a document stand for. */
export function problemsOf(issues: readonly Issue[], document: unknown): Problem[] {
  return issues.flatMap((issue) => explain(issue, [], document))
}

function explain(issue: Issue, base: readonly PathToken[], document: unknown): Problem[] {
  const path = [...base, ...(issue.path as PathToken[])]
  const value = valueAt(document, path)
  const problem = (allowed: string, more: Partial<Problem> = {}): Problem[] => [
    { pointer: pointer(...path), found: describeValue(value), allowed, ...more },
  ]
  switch (issue.code) {
    case 'unrecognized_keys':
      // The schema's own words for this are the names that it has.
      return issue.keys.map((key) => ({
        pointer: pointer(...path, key),
        found: `the unknown name ${describeValue(key)}`,
        allowed: issue.message,
        nearest: nearest(key, issue.message.split(', ')),
        onName: true,
      }))
    case 'invalid_value':
      return problem(issue.values.map(describeValue).join(', '), {
        nearest: nearestValue(value, issue.values),
      })
    case 'invalid_type':
      return problem(issue.expected)
    case 'invalid_key':
      return [
        {
          pointer: pointer(...path),
          found: `the name ${describeValue(path.at(-1))}`,
          allowed:
            issue.issues.find(({ code }) => code === 'custom')?.message ?? 'a name of 1 to 128 characters',
          onName: true,
        },
      ]
    case 'invalid_union':
      return explainUnion(issue, path, value, document)
    case 'custom':
      return problem(issue.message, { nearest: (issue.params?.nearest as string | null | undefined) ?? null })
    default:
      return problem(issue.message.replace(/^[^:]*: expected /, ''))
  }
}

function explainUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: PathToken[],
  value: unknown,
  document: unknown,
): Problem[] {
  if (!issue.message.startsWith('Invalid ')) {
    // The message of a union that is told apart by a name is the list of its values.
    const words = issue.message.replace(/^one of /, '').split(', ')
    const options = [...words, ...issue.errors.flat().flatMap(valuesOf)]
    const found = describeValue(value)
    const meant = nearestValue(value, options)
    return [{ pointer: pointer(...path), found, allowed: issue.message, nearest: meant }]
  }
  let best: readonly Issue[] = []
  let least = Number.POSITIVE_INFINITY
  for (const branch of issue.errors) {
    const unlike = branch.reduce((sum, it) => sum + unlikeness(it, value), 0)
    if (unlike < least) {
      least = unlike
      best = branch
    }
  }
  return best.flatMap((it) => explain(it, path, document))
}

/** Rates how surely an issue shows that the value was meant to be another branch of a union. */
function unlikeness(issue: Issue, value: unknown): number {
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) return issue.keys.length
  const [name] = issue.path
  const isAbsent = isObject(value) && typeof name === 'string' && !Object.hasOwn(value, name)
  if (issue.path.length !== 1 || !isAbsent) return 0
  // Without its discriminator a union does not go on to name what else is unknown to it.
  return issue.code === 'invalid_union' ? Object.keys(value).length : 1
}

function valuesOf(issue: Issue): readonly unknown[] {
  return issue.code === 'invalid_value' ? issue.values : []
}

function nearestValue(value: unknown, options: readonly unknown[]): string | null {
  if (typeof value !== 'string') return null
  return nearest(
    value,
    options.filter((option) => typeof option === 'string'),
  )
}

function valueAt(document: unknown, path: readonly PathToken[]): unknown {
  return path.reduce<unknown>(
    (value, token) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, token)
        ? (value as Record<PathToken, unknown>)[token]
        : undefined,
    document,
  )
}
