/**
 * The parts that the schemas of all three dialects are made of. They are the validator and, by `z.toJSONSchema`, the source from which
 * editors complete and check.
 *
 * The text of a custom issue says what is allowed there; `params.nearest` is the name that may have been meant.
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { weekdays } from './clock.ts'
import { type ConditionDocument, operators } from './condition.ts'
import { parseDecimal } from './decimal.ts'
import { scopes, windowNames } from './model.ts'
import { parseConcealed, parsePath, typeOfPath } from './path.ts'
import { compilePattern } from './pattern.ts'
import { nearest } from './spelling.ts'

export const name = lazy(() => z.string().min(1).max(128))
export const message = lazy(() => z.string().min(1).max(2_000))

/** An object that allows no other names, and says which there are. */
export function object<S extends z.ZodRawShape>(shape: S) {
  const names = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? names : undefined),
  })
}

/** The members at the top of every document. */
export const top = lazy(() => ({
  $schema: z.string().optional().describe('Where the JSON Schema of this document is, for editors'),
  version: z.literal('1'),
  description: z.string().max(10_000).optional(),
  mode: z
    .enum(['enforce', 'shadow'])
    .optional()
    .describe('shadow: every call is allowed; what would have been refused is recorded'),
  hide: z.array(name()).optional().describe('Tools that are neither listed nor callable; "*" hides all'),
}))

export const shadow = lazy(() =>
  z.boolean().optional().describe('Only record what this rule would have done'),
)

/** A year. It reports milliseconds that were written by mistake. */
const LONGEST_WINDOW_SECONDS = 366 * 24 * 3_600

export const windowSeconds = lazy(() => z.int().min(1).max(LONGEST_WINDOW_SECONDS))
export const window = lazy(() =>
  z
    .union([z.enum(windowNames), windowSeconds()], {
      error: `"minute", "hour", "day", or a whole number of seconds up to ${LONGEST_WINDOW_SECONDS}`,
    })
    .describe('A minute, hour or day of the UTC calendar, or so many seconds'),
)

export const sliding = lazy(() =>
  z.boolean().optional().describe('Count any stretch of the window’s length, not only those of the calendar'),
)

export const scope = lazy(() => z.enum(scopes).optional().describe('The callers whose calls count together'))

/** An amount: never negative, and exact. */
export const amount = lazy(() =>
  z
    .union([z.number(), z.string()], { error: 'a decimal number, as a number or in quotes' })
    .superRefine((value, context) => {
      const decimal = parseDecimal(value)
      // A larger number has been rounded before anyone here could see it.
      const isRounded = typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER
      if (decimal === null || decimal.units < 0n || isRounded)
        refuse(context, 'a decimal number, 0 or more, exact')
    })
    .meta({
      anyOf: [
        { type: 'number', minimum: 0 },
        { type: 'string', pattern: '^\\d+(\\.\\d+)?$' },
      ],
    }),
)

export const path = lazy(() =>
  z.string().superRefine((text, context) => {
    const parsed = parsePath(text)
    if (!parsed.ok) refuse(context, parsed.allowed, parsed.nearest)
  }),
)

/** A path into the arguments, to one value. */
export const argumentPath = lazy(() =>
  z.string().superRefine((text, context) => {
    const parsed = parsePath(text)
    const isOne =
      parsed.ok && parsed.path.root === 'args' && parsed.path.steps.every(({ kind }) => kind !== 'each')
    if (!isOne) refuse(context, 'args.<name>, one value of the arguments', parsed.ok ? null : parsed.nearest)
  }),
)

/** The places of a call whose values nobody is shown. */
export const conceal = lazy(() =>
  z
    .array(
      z.string().superRefine((text, context) => {
        if (parseConcealed(text) !== null) return
        const parsed = parsePath(text)
        refuse(
          context,
          'args or _meta, or a path below: args.<name>, args.<name>[0], args.<name>[*], _meta["a name with dots"]',
          parsed.ok ? null : parsed.nearest,
        )
      }),
    )
    .min(1)
    .max(100)
    .optional()
    .describe(
      'Values that whoever approves a call is not shown: paths into its arguments, or into its _meta',
    ),
)

const json = lazy(() =>
  z.unknown().superRefine((value, context) => {
    if (value === undefined) refuse(context, 'a JSON value')
  }),
)

const pattern = lazy(() =>
  z
    .string()
    .superRefine((source, context) => {
      const compiled = compilePattern(source)
      if ('error' in compiled) refuse(context, `a regular expression in RE2’s syntax: ${compiled.error}`)
    })
    .describe('A regular expression in RE2’s syntax, found anywhere in the text unless anchored'),
)

const bound = lazy(() =>
  z
    .union([z.number(), z.string()], { error: 'a decimal number, as a number or in quotes' })
    .superRefine((value, context) => {
      const isRounded = typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER
      if (parseDecimal(value) === null || isRounded) refuse(context, 'a decimal number, exact')
    })
    .meta({ anyOf: [{ type: 'number' }, { type: 'string' }] }),
)

/** `{path, op, value}`, where the value has the type that the operator asks for. */
export function comparisonOf<M extends z.ZodRawShape>(anyPath: z.ZodString, counters: z.ZodString, more: M) {
  return z.discriminatedUnion(
    'op',
    [
      object({ ...more, path: anyPath, op: z.enum(['eq', 'neq', 'contains']), value: json() }).superRefine(
        fits,
      ),
      object({
        ...more,
        path: anyPath,
        op: z.enum(['in', 'not_in']),
        value: z.array(json()).min(1),
      }).superRefine(fits),
      object({ ...more, path: counters, op: z.enum(['lt', 'lte']), value: bound() }).superRefine(fits),
      object({ ...more, path: anyPath, op: z.enum(['gt', 'gte']), value: bound() }).superRefine(fits),
      object({ ...more, path: anyPath, op: z.literal('regex'), value: pattern() }).superRefine(fits),
      object({ ...more, path: anyPath, op: z.literal('exists'), value: z.boolean() }).superRefine(fits),
    ],
    { error: `one of ${operators.join(', ')}` },
  )
}

const comparison = lazy(() => comparisonOf(path(), path(), {}))

/** A condition of rules without counters. */
export const condition = lazy(
  (): z.ZodType<ConditionDocument> =>
    z.lazy(() => z.union([comparison() as unknown as z.ZodType<ConditionDocument>, ...combinations()])),
)

/** Conditions around conditions. */
export const combinations = lazy(
  () => [object({ any_of: z.array(condition()).min(1).max(100) }), object({ not: condition() })] as const,
)

/** Which values make sense beside a fact: any other rule would be accepted and never match. */
const factValues: Readonly<
  Record<string, { readonly allowed: string; readonly is: (value: unknown) => boolean }>
> = {
  string: { allowed: 'string', is: (value) => typeof value === 'string' },
  boolean: { allowed: 'true, false', is: (value) => typeof value === 'boolean' },
  hour: {
    allowed: 'a whole number from 0 to 23',
    is: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 23,
  },
  weekday: { allowed: weekdays.join(', '), is: (value) => (weekdays as readonly unknown[]).includes(value) },
}

const textOperators = ['eq', 'neq', 'in', 'not_in', 'contains', 'regex', 'exists']
const factOperators: Readonly<Record<string, readonly string[]>> = {
  string: textOperators,
  boolean: ['eq', 'neq', 'in', 'not_in', 'exists'],
  hour: ['eq', 'neq', 'in', 'not_in', 'lt', 'lte', 'gt', 'gte'],
  weekday: ['eq', 'neq', 'in', 'not_in'],
}

function fits(comparison: unknown, context: z.core.$RefinementCtx): void {
  const { path, op, value } = comparison as { path: string; op: string; value: unknown }
  const type = typeOfPath(path)
  if (type === null) return
  const operators = factOperators[type] as readonly string[]
  if (!operators.includes(op)) {
    refuse(context, `one of ${operators.join(', ')}, for ${path}`, null, ['op'])
    return
  }
  if (op === 'exists') return
  const { allowed, is } = factValues[type] as { allowed: string; is: (value: unknown) => boolean }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  values.forEach((one, i) => {
    if (is(one)) return
    const meant = type === 'weekday' && typeof one === 'string' ? nearest(one, weekdays) : null
    refuse(context, allowed, meant, Array.isArray(value) ? ['value', i] : ['value'])
  })
}

/** Reports what is allowed at a place. */
export function refuse(
  context: z.core.$RefinementCtx,
  allowed: string,
  meant: string | null = null,
  path: (string | number)[] = [],
): void {
  context.addIssue({ code: 'custom', message: allowed, params: { nearest: meant }, path })
}
