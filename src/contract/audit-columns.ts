/**
 * The columns of an audit row: each is described here once. Statements, hashes, filters, the administration API's schema and
 * the command line's options are made of this table. Adding a column takes an entry at its end, a migration in migrations/, and
 * what the object writes (principal/log/entries.ts and audit-row.ts; or a migration in tenant/tables/schema.ts, whose column has the
 * same name). PURE.
 */
import * as z from 'zod/v4'
import { callOutcomeKinds } from './principal.ts'

/** Kinds of rows: a decided request, the end of a session, an administrator's change. */
export const rowKinds = ['decision', 'session', 'change'] as const
export type RowKind = (typeof rowKinds)[number]

/** Decisions of a row; `end` is that of a session that ended. */
export const decisions = ['allow', 'deny', 'approval', 'limit', 'refuse', 'end'] as const

/** The filter that queries have for one column, or for several at once. */
export interface AuditFilter {
  /** The text of its option in the command line's help. */
  readonly help: string
  /** The text of its parameter in the administration API's description, where the name does not suffice. */
  readonly description?: string
  /** All values that there are, where they are few; others are refused. */
  readonly values?: readonly string[]
}

/** A column that may be null. */
interface Column {
  /** The type of its values, in SQL and elsewhere; numbers are whole. */
  readonly type: 'TEXT' | 'INTEGER'
  /** The kinds of rows that may say something here; in others it is null. */
  readonly of: readonly RowKind[]
  /**
   * The version of the hashed text that has it. Never changed: a new column is of a version of its own, and within a version
   * columns are hashed in the order of this table.
   */
  readonly version: number
  /** The column is JSON, of this shape: it is shown as it says. */
  readonly json?: () => z.ZodType
  /** The text of it in the administration API's description. */
  readonly description?: string
  /** A query may name it, and finds the rows that have exactly this value unless audit/filter.ts knows more. */
  readonly filter?: AuditFilter
}

/** Rows of a principal's log, of the decisions alone, and of the tenant's log. */
const principals = ['decision', 'session'] as const
const decided = ['decision'] as const
const changed = ['change'] as const

export const columns = {
  request_id: {
    ...{ type: 'TEXT', of: ['decision', 'change'], version: 1 },
    filter: { help: 'only rows of this request, by the x-request-id of its answer' },
  },
  session: { type: 'TEXT', of: principals, version: 1, filter: { help: 'only rows of this session' } },
  account: {
    ...{ type: 'TEXT', of: principals, version: 1 },
    filter: { help: 'only rows of callers who are logged in to this account' },
  },
  /** The client that called, or that logged in, by the name and version that it gives itself (audit/client.ts). */
  client: {
    ...{ type: 'TEXT', of: principals, version: 2 },
    description: 'The client that called, or that logged in, as it names itself; anybody may say anything',
    filter: {
      help: 'only rows of this client: its name, or its name and version as the table shows them',
      description: 'Its name, or name and version as they are shown: `curl` or `curl 1`',
    },
  },
  client_version: {
    ...{ type: 'TEXT', of: principals, version: 2 },
    description: 'The version that the client says it has',
    filter: { help: 'only rows of clients of this version' },
  },
  server: {
    ...{ type: 'TEXT', of: principals, version: 1 },
    filter: { help: 'only rows of this server, upstream or native' },
  },
  method: {
    ...{ type: 'TEXT', of: decided, version: 1 },
    filter: { help: 'only requests of this method, such as tools/call or resources/read' },
  },
  tool: {
    ...{ type: 'TEXT', of: principals, version: 1 },
    filter: {
      help: 'only calls of this tool: its own name, or that by which agents call it: SERVER__NAME',
      description: 'Its own name, or the name by which agents call it: `transfer` or `pay__transfer`',
    },
  },
  decision: {
    ...{ type: 'TEXT', of: principals, version: 1 },
    filter: { help: `only rows with this decision: ${decisions.join(', ')}`, values: decisions },
  },
  rule: {
    ...{ type: 'TEXT', of: principals, version: 1 },
    filter: { help: 'only rows that this rule decided: a place in the policy, or words in parentheses' },
  },
  config_version: {
    ...{ type: 'TEXT', of: decided, version: 1 },
    description: 'Names the policy and settings that were decided with',
    filter: { help: 'only rows that were decided with this policy and these settings' },
  },
  /** Never a value. */
  argument_names: {
    ...{ type: 'TEXT', of: decided, version: 1 },
    json: () => z.array(z.string()),
    description: 'Names, never values',
  },
  arguments_hmac: {
    ...{ type: 'TEXT', of: decided, version: 1 },
    description: 'The same for the same arguments',
    filter: { help: 'only calls whose arguments have this HMAC: the same for the same arguments' },
  },
  outcome: {
    ...{ type: 'TEXT', of: decided, version: 1 },
    filter: {
      help: 'only calls that came out so, such as result, tool_error or timeout',
      values: callOutcomeKinds,
    },
  },
  upstream_status: {
    ...{ type: 'INTEGER', of: decided, version: 1 },
    filter: { help: 'only calls whose server answered with this HTTP status' },
  },
  latency_ms: { type: 'INTEGER', of: decided, version: 1 },
  /** Pairs of action and rule. */
  shadow: { type: 'TEXT', of: decided, version: 1, json: () => z.array(z.array(z.string())) },
  actor: {
    ...{ type: 'TEXT', of: changed, version: 1 },
    filter: { help: 'only changes by root, gateway or person:NAME' },
  },
  action: {
    ...{ type: 'TEXT', of: changed, version: 1 },
    filter: { help: 'only changes of this sort, such as policy.put or grant.rotate' },
  },
  subject: {
    ...{ type: 'TEXT', of: ['decision', 'change'], version: 1 },
    filter: { help: 'only rows about this, such as policy/main or approval/ID' },
  },
  /** Names and versions. */
  detail: { type: 'TEXT', of: changed, version: 1, json: () => z.record(z.string(), z.unknown()) },
} as const satisfies Readonly<Record<string, Column>>

export type ColumnName = keyof typeof columns

/** A column by what all have. */
export const columnOf = (name: ColumnName): Column => columns[name]

/** Their names, in the order in which they are shown. */
export const columnNames = Object.keys(columns) as readonly ColumnName[]

/** The columns that a query may name. */
export type FilteredColumn = {
  [C in ColumnName]: (typeof columns)[C] extends { readonly filter: AuditFilter } ? C : never
}[ColumnName]

export const filteredColumns = columnNames.filter(
  (name) => columnOf(name).filter !== undefined,
) as readonly FilteredColumn[]
