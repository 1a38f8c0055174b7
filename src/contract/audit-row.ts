/** What a row of the audit trail is, and the text that its hash is made of. PURE. */

/** Stands for the tenant's administrative changes where a grant's name would be; no grant can be called that. */
export const TENANT_LOG = '(tenant)'

export const rowKinds = ['decision', 'session', 'change'] as const

/** Kinds that rows are asked for by: those of rows, and the two sorts of decision. */
export const kindFilters = [...rowKinds, 'call', 'read'] as const

/** Decisions of a row; `end` is that of a session that ended. */
export const decisions = ['allow', 'deny', 'approval', 'limit', 'refuse', 'end'] as const

/** One decision, one session's end or one administrative change, as it leaves its object. */
export interface AuditRow {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly kind: (typeof rowKinds)[number]
  readonly request_id: string | null
  readonly session: string | null
  readonly account: string | null
  /** The client that called, or that logged in, by the name and version that it gives itself (client.ts). */
  readonly client: string | null
  readonly client_version: string | null
  readonly server: string | null
  readonly method: string | null
  readonly tool: string | null
  readonly decision: string | null
  readonly rule: string | null
  readonly config_version: string | null
  /** JSON array of names, never a value. */
  readonly argument_names: string | null
  readonly arguments_hmac: string | null
  readonly outcome: string | null
  readonly upstream_status: number | null
  readonly latency_ms: number | null
  /** JSON array of [action, rule]. */
  readonly shadow: string | null
  readonly actor: string | null
  readonly action: string | null
  readonly subject: string | null
  /** JSON object of names and versions. */
  readonly detail: string | null
}

/** Whose log a row is in. */
export interface Log {
  readonly tenant: string
  /** The grant's name, or TENANT_LOG. */
  readonly principal: string
  /** Names this very log: a grant's object that was deleted and made again has another. */
  readonly chain: string
}

/** A row in the audit database. */
export interface StoredRow extends AuditRow, Log {
  readonly arrived: number
  readonly hash: string
}

/** The fields of a row in the order in which they are hashed: never changed. New ones go into a version of their own. */
const firstFields = [
  'seq',
  'at',
  'kind',
  'request_id',
  'session',
  'account',
  'server',
  'method',
  'tool',
  'decision',
  'rule',
  'config_version',
  'argument_names',
  'arguments_hmac',
  'outcome',
  'upstream_status',
  'latency_ms',
  'shadow',
  'actor',
  'action',
  'subject',
  'detail',
] as const satisfies readonly (keyof AuditRow)[]

/** What version 2 adds. */
const secondFields = ['client', 'client_version'] as const satisfies readonly (keyof AuditRow)[]

export const fields = [...firstFields, ...secondFields] as const

/**
 * The one text of a row: two rows have the same if and only if they say the same. A row that says nothing of what a version
 * has added is written in the version before, so it has the hash that it had there: whichever version of the gateway made
 * it, and also where the database has no columns yet for what is new.
 */
export function canonicalRow({ tenant, principal, chain }: Log, row: AuditRow): string {
  const said = (names: readonly (keyof AuditRow)[]) => names.map((name) => row[name] ?? null)
  const second = said(secondFields)
  const rest = second.every((value) => value === null) ? [] : second
  return JSON.stringify([rest.length === 0 ? 1 : 2, tenant, principal, chain, ...said(firstFields), ...rest])
}
