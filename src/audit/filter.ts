/** Translates filters of the audit trail into SQL. The tenant is never part of them: the caller names it apart. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { columnOf, type FilteredColumn, filteredColumns } from '../contract/audit-columns.ts'
import { auditFilters, type FilterName, filterNames } from '../contract/audit-filters.ts'
import type { AuditRow } from '../contract/audit-row.ts'
import { expose } from '../names/tools.ts'
import { object } from '../policy/fragments.ts'

const TIME = 'a time like 2030-01-31T12:00:00Z'
const time = lazy(() => z.iso.datetime({ offset: true, error: TIME }).transform((text) => Date.parse(text)))
const text = lazy(() => z.string().min(1, '1 to 512 characters').max(512, '1 to 512 characters'))

type Named = z.ZodOptional<ReturnType<typeof text>>

/** A query parameter. One that has few values refuses all others. */
function parameter(name: FilterName): Named {
  const { values, description } = auditFilters[name]
  const read = (
    values === undefined ? text() : (z.enum(values) as unknown as ReturnType<typeof text>)
  ).optional()
  return description === undefined ? read : read.describe(description)
}

/** Query parameters of everything that reads the trail. */
export const filterQuery = lazy(() => ({
  ...(Object.fromEntries(filterNames.map((name) => [name, parameter(name)])) as Record<FilterName, Named>),
  /** From this time on. */
  from: time().optional(),
  /** Before this time. */
  to: time().optional(),
}))
const schema = lazy(() => object(filterQuery()))

/** The rows that a query asks for. */
export type Filter = z.output<ReturnType<typeof schema>> & {
  /** Tools that agents know by the name that `tool` or `what` says, where that shows too little of them (exposed.ts). */
  readonly ownNames?: readonly OwnName[]
}

/** A tool as rows name it. */
export interface OwnName {
  readonly server: string
  readonly tool: string
}

/** Conditions and what they are about, for `?1` to `?n`; the tenant is `?1`. */
export interface Where {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

const TOOL = "tool = ? OR server || '__' || tool = ?"
/** Fields that ask for more than their column, where every `?` is the value. */
const wider = {
  client: "client = ? OR client || ' ' || client_version = ?",
  tool: TOOL,
  who: 'account = ? OR actor = ?',
  what: `${TOOL} OR method = ? OR action = ? OR coalesce(action, method) || ' ' || subject = ?`,
} as const
const sorts = {
  call: "kind = 'decision' AND method = 'tools/call'",
  read: "kind = 'decision' AND method <> 'tools/call'",
} as const

const isNumber = (field: FilteredColumn) => columnOf(field).type === 'INTEGER'
const exactFields = filteredColumns.filter((field) => !Object.hasOwn(wider, field))

/** The rows of `tenant` that the filter lets through. */
export function whereOf(tenant: string, filter: Filter): Where {
  const conditions = ['tenant = ?1']
  const values: (string | number)[] = [tenant]
  const said = (condition: string, value: string | number) => {
    values.push(value)
    return condition.replaceAll('?', `?${values.length}`)
  }
  const add = (condition: string, value: string | number) => conditions.push(said(condition, value))
  const { grant, kind, argument, from, to, ownNames = [] } = filter
  if (grant !== undefined) add('principal = ?', grant)
  if (kind === 'call' || kind === 'read') conditions.push(sorts[kind])
  else if (kind !== undefined) add('kind = ?', kind)
  for (const field of exactFields) {
    const value = filter[field]
    if (value !== undefined) add(`${field} = ?`, isNumber(field) ? Number(value) : value)
  }
  for (const field of ['client', 'tool', 'who', 'what'] as const) {
    const value = filter[field]
    if (value === undefined) continue
    const isTool = field === 'tool' || field === 'what'
    const own = (isTool ? ownNames : []).map(
      ({ server, tool }) => ` OR (${said('server = ?', server)} AND ${said('tool = ?', tool)})`,
    )
    conditions.push(`(${said(wider[field], value)}${own.join('')})`)
  }
  if (argument !== undefined)
    add('EXISTS (SELECT 1 FROM json_each(argument_names) WHERE json_each.value = ?)', argument)
  if (from !== undefined) add('at >= ?', from)
  if (to !== undefined) add('at < ?', to)
  return { sql: conditions.join(' AND '), values }
}

/** The same question of a row that has not been carried yet. */
export function matches(filter: Filter, principal: string, row: AuditRow): boolean {
  const { grant, kind, client, tool, who, what, argument, from, to } = filter
  const names = argument === undefined ? [] : (JSON.parse(row.argument_names ?? '[]') as string[])
  return (
    (grant === undefined || grant === principal) &&
    (kind === undefined || isOfKind(row, kind)) &&
    exactFields.every((field) => filter[field] === undefined || String(row[field]) === filter[field]) &&
    (client === undefined || clientNames(row).includes(client)) &&
    (tool === undefined || toolNames(row).includes(tool)) &&
    (who === undefined || who === row.account || who === row.actor) &&
    (what === undefined || whatNames(row).includes(what)) &&
    (argument === undefined || names.includes(argument)) &&
    (from === undefined || row.at >= from) &&
    (to === undefined || row.at < to)
  )
}

function isOfKind({ kind: is, method }: AuditRow, kind: string): boolean {
  if (kind !== 'call' && kind !== 'read') return is === kind
  return is === 'decision' && method !== null && (method === 'tools/call') === (kind === 'call')
}

function clientNames({ client, client_version: version }: AuditRow): string[] {
  // Undefined in a row of an object of an earlier version.
  if (client == null) return []
  return version == null ? [client] : [client, `${client} ${version}`]
}

/** All names by which a row's tool is asked for. */
function toolNames({ server, tool }: AuditRow): string[] {
  if (tool === null) return []
  return server === null ? [tool] : [tool, `${server}__${tool}`, expose(server, tool)]
}

function whatNames(row: AuditRow): string[] {
  const done = [row.method, row.action].filter((it) => it !== null)
  return [
    ...toolNames(row),
    ...done,
    ...(row.subject === null ? [] : done.map((it) => `${it} ${row.subject}`)),
  ]
}
