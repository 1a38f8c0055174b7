/** The administration API of tenants, as an operator would use it: typed, and loud about every other answer. */

export const ROOT_TOKEN = 'gh_root_insecure-local-token'

/** What is written of a server. */
export interface ServerDocument {
  readonly url: string
  readonly headers?: Readonly<Record<string, string | { readonly secret: string; readonly prefix?: string }>>
  readonly era?: 'auto' | 'session' | 'stateless'
  readonly timeouts?: {
    readonly response_seconds?: number
    readonly idle_seconds?: number
    readonly call_seconds?: number
    readonly list_seconds?: number
  }
  readonly limits?: { readonly response_bytes?: number; readonly concurrent?: number }
  readonly breaker?: { readonly failures?: number; readonly open_seconds?: number }
  readonly on_drift?: 'report' | 'hide' | 'block'
  readonly enabled?: boolean
}

/** What is written of a grant. */
export interface GrantDocument {
  readonly label?: string
  /** Name of a policy. */
  readonly policy?: string
  readonly servers?: readonly string[] | '*'
  readonly sessions?: 'auto' | 'one' | 'many'
  /** ISO 8601. */
  readonly expires_at?: string
}

/** What is written of a tenant. */
export interface TenantDocument {
  readonly identity?: Readonly<Record<string, unknown>>
  readonly sessions?: Readonly<Record<string, unknown>>
}

/** How a server stands, as far as tests look into it. */
export interface ServerStanding {
  readonly eras: { readonly session: boolean | null; readonly stateless: boolean | null }
  readonly successes: number
  readonly failures: number
  readonly last_failure: { readonly at: string; readonly kind: string; readonly message: string } | null
  readonly last_scan: { readonly at: string; readonly ok: boolean; readonly problem: string | null } | null
  readonly breaker: 'closed' | 'open' | 'half_open'
  readonly drift: readonly { readonly tool: string; readonly diff: unknown }[]
  readonly tools: number
  readonly protocol_version: string | null
  readonly server_info: { readonly name: string; readonly version: string } | null
  readonly names: {
    readonly renamed: Readonly<Record<string, string>>
    readonly left_out: readonly { readonly name: string; readonly reason: string }[]
  }
}

/** A JSON object that the API answered; what a test wants of it, it names. */
export type Answer = Readonly<Record<string, unknown>>

/** One tenant's part of the API. */
export interface AdminApi {
  readonly tenant: string
  /** Creates the tenant, or changes its settings. */
  putTenant(document?: TenantDocument): Promise<Answer>
  /** A new one is asked for its tools behind the answer only where `scan` is said: tests say when a server is spoken to. */
  putServer(name: string, document: ServerDocument, options?: { readonly scan?: boolean }): Promise<Answer>
  getServer(name: string): Promise<Answer>
  deleteServer(name: string): Promise<void>
  listServers(): Promise<Answer>
  /** Asks it for its tools now, and answers how it stands. */
  scan(name: string): Promise<ServerStanding & { readonly scan: Answer }>
  /** Era, last success, failures, breaker, tools and drift of a server. */
  status(name: string): Promise<ServerStanding>
  /** Accepts what has changed of one tool, or of all. */
  accept(server: string, tool?: string): Promise<Answer>
  /** A value for headers, which may be sent to these origins. */
  putSecret(name: string, value: string, origins: readonly string[]): Promise<Answer>
  putPolicy(name: string, document: unknown): Promise<Answer>
  deletePolicy(name: string): Promise<void>
  /** Returns the grant's token, which is told only once. */
  putGrant(name: string, document?: GrantDocument): Promise<string>
  /** Changes a grant that is there already. */
  changeGrant(name: string, document: GrantDocument): Promise<Answer>
  deleteGrant(name: string): Promise<void>
}

/** The API of `tenant` at a gateway. */
export function adminApi(gatewayUrl: string, tenant: string, token = ROOT_TOKEN): AdminApi {
  const base = `${gatewayUrl}/api/v1/tenants/${tenant}`
  const ask = async (method: string, path: string, document?: unknown): Promise<Answer> => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(document === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(document === undefined ? {} : { body: JSON.stringify(document) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${base}${path} was answered ${response.status}: ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Answer)
  }
  const named = (kind: string, name: string) => `/${kind}/${encodeURIComponent(name)}`
  const remove = async (kind: string, name: string) => {
    await ask('DELETE', named(kind, name))
  }
  return {
    tenant,
    putTenant: (document = {}) => ask('PUT', '', document),
    putServer: (name, document, { scan = false } = {}) =>
      ask('PUT', `${named('servers', name)}${scan ? '' : '?scan=false'}`, document),
    getServer: (name) => ask('GET', named('servers', name)),
    deleteServer: (name) => remove('servers', name),
    scan: async (name) => (await ask('POST', `${named('servers', name)}/scan`)) as never,
    listServers: () => ask('GET', '/servers'),
    status: async (name) =>
      (await ask('GET', `${named('servers', name)}/status`)) as unknown as ServerStanding,
    accept: (server, tool) => {
      const which = tool === undefined ? '' : named('tools', tool)
      return ask('POST', `${named('servers', server)}${which}/accept`)
    },
    putSecret: (name, value, origins) => ask('PUT', named('secrets', name), { value, origins }),
    putPolicy: (name, document) => ask('PUT', named('policies', name), document),
    deletePolicy: (name) => remove('policies', name),
    putGrant: async (name, document = {}) => {
      const answer = await ask('PUT', named('grants', name), document)
      if (typeof answer.token !== 'string')
        throw new Error(`grant ${name} is not new: it has no token to tell`)
      return answer.token
    },
    changeGrant: (name, document) => ask('PUT', named('grants', name), document),
    deleteGrant: (name) => remove('grants', name),
  }
}
