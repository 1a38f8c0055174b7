/** What is asked of the audit trail, as SQL. The tenant is never part of it: whoever asks names it apart. */
import * as z from 'zod/v4'
import { decisions, kindFilters } from '../contract/audit-row.ts'
import { callOutcomeKinds } from '../contract/principal.ts'
import { expose } from '../names/tools.ts'
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
  kind: z.enum(kindFilters).optional().describe('`call` and `read` are the two sorts of `decision`'),
  client: text.optional().describe('Its name, or name and version as they are shown: `curl` or `curl 1`'),
  tool: text
    .optional()
    .describe('Its own name, or the name by which agents call it: `transfer` or `pay__transfer`'),
  decision: z.enum(decisions).optional(),
  outcome: z.enum(callOutcomeKinds).optional(),
  who: text.optional().describe('`account` or `actor`, whichever a row has'),
  what: text
    .optional()
    .describe(
      'Tool (under either name), `method` or `action`, also with the `subject` behind it: `policy.put policy/main`',
    ),
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

/** The rows that a query asks for. */
export type Filter = z.output<typeof schema> & {
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

const isExact = (field: FilterField) => field !== 'kind' && !Object.hasOwn(wider, field)
const exactFields = filterFields.filter(isExact)

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
    if (value !== undefined) add(`${field} = ?`, field === 'upstream_status' ? Number(value) : value)
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

type Fields = Readonly<Record<FilterField, string | number | null>>

/** The same question of a row that has not been carried yet. */
export function matches(
  filter: Filter,
  principal: string,
  row: Fields & { readonly at: number; readonly argument_names: string | null },
): boolean {
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

function isOfKind({ kind: is, method }: Fields, kind: (typeof kindFilters)[number]): boolean {
  if (kind !== 'call' && kind !== 'read') return is === kind
  return is === 'decision' && method !== null && (method === 'tools/call') === (kind === 'call')
}

function clientNames({ client, client_version: version }: Fields): string[] {
  // Undefined in a row of an object of an earlier version.
  if (client == null) return []
  return version == null ? [String(client)] : [String(client), `${client} ${version}`]
}

/** All names by which a row's tool is asked for. */
function toolNames({ server, tool }: Fields): string[] {
  if (tool === null) return []
  const own = String(tool)
  return server === null ? [own] : [own, `${server}__${own}`, expose(String(server), own)]
}

function whatNames(row: Fields): string[] {
  const done = [row.method, row.action].flatMap((it) => (it === null ? [] : [String(it)]))
  return [
    ...toolNames(row),
    ...done,
    ...(row.subject === null ? [] : done.map((it) => `${it} ${row.subject}`)),
  ]
}
