/** What a row of the audit trail is, and the text that its hash is made of. Pure. */

/** Stands for the tenant's administrative changes where a grant's name would be; no grant can be called that. */
export const TENANT_LOG = '(tenant)'

export const rowKinds = ['decision', 'session', 'change'] as const

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

/** The fields of a row in the order in which they are hashed: never changed, only ever appended to with a new VERSION. */
export const fields = [
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

const VERSION = 1

/** The one text of a row: two rows have the same if and only if they say the same. */
export function canonicalRow({ tenant, principal, chain }: Log, row: AuditRow): string {
  return JSON.stringify([VERSION, tenant, principal, chain, ...fields.map((field) => row[field])])
}
