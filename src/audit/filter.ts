/** What is asked of the audit trail, as SQL. The tenant is never part of it: whoever asks names it apart. */
import * as z from 'zod/v4'
import { decisions, rowKinds } from '../contract/audit-row.ts'
import { callOutcomeKinds } from '../contract/principal.ts'
import { object } from '../policy/fragments.ts'

/** Fields that a query may name; each matches exactly. */
export const filterFields = [
  'kind',
  'request_id',
  'session',
  'account',
  'client',
  'client_version',
  'server',
  'method',
  'tool',
  'decision',
  'rule',
  'config_version',
  'arguments_hmac',
  'outcome',
  'upstream_status',
  'actor',
  'action',
  'subject',
] as const
export type FilterField = (typeof filterFields)[number]

const TIME = 'a time like 2030-01-31T12:00:00Z'
const time = z.iso.datetime({ offset: true, error: TIME }).transform((text) => Date.parse(text))
const text = z.string().min(1, '1 to 512 characters').max(512, '1 to 512 characters')
const named = Object.fromEntries(filterFields.map((field) => [field, text.optional()])) as Record<
  FilterField,
  z.ZodOptional<typeof text>
>

/** Query parameters of everything that reads the trail. A field that has few values refuses all others. */
export const filterQuery = {
  ...named,
  kind: z.enum(rowKinds).optional(),
  decision: z.enum(decisions).optional(),
  outcome: z.enum(callOutcomeKinds).optional(),
  /** Rows of one grant, or `(tenant)`: administrative changes. */
  grant: text.optional(),
  /** A name among the call's arguments. */
  argument: text.optional(),
  /** From this time on. */
  from: time.optional(),
  /** Before this time. */
  to: time.optional(),
}
const schema = object(filterQuery)
export type Filter = z.output<typeof schema>

/** Conditions and what they are about, for `?1` to `?n`; the tenant is `?1`. */
export interface Where {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** The rows of `tenant` that the filter lets through. */
export function whereOf(tenant: string, filter: Filter): Where {
  const conditions = ['tenant = ?1']
  const values: (string | number)[] = [tenant]
  const add = (condition: string, value: string | number) => {
    values.push(value)
    conditions.push(condition.replace('?', `?${values.length}`))
  }
  if (filter.grant !== undefined) add('principal = ?', filter.grant)
  for (const field of filterFields) {
    const value = filter[field]
    if (value !== undefined) add(`${field} = ?`, field === 'upstream_status' ? Number(value) : value)
  }
  if (filter.argument !== undefined)
    add('EXISTS (SELECT 1 FROM json_each(argument_names) WHERE json_each.value = ?)', filter.argument)
  if (filter.from !== undefined) add('at >= ?', filter.from)
  if (filter.to !== undefined) add('at < ?', filter.to)
  return { sql: conditions.join(' AND '), values }
}

/** The same question of a row that has not been carried yet. */
export function matches(
  filter: Filter,
  principal: string,
  row: Readonly<Record<FilterField, string | number | null>> & {
    readonly at: number
    readonly argument_names: string | null
  },
): boolean {
  const names = filter.argument === undefined ? [] : (JSON.parse(row.argument_names ?? '[]') as string[])
  return (
    (filter.grant === undefined || filter.grant === principal) &&
    filterFields.every((field) => filter[field] === undefined || String(row[field]) === filter[field]) &&
    (filter.argument === undefined || names.includes(filter.argument)) &&
    (filter.from === undefined || row.at >= filter.from) &&
    (filter.to === undefined || row.at < filter.to)
  )
}
