/** What every program of the lab meets: a gateway, a server behind it, an audit database, and a tenant of its own. */
import { startBothEras } from '../../test/conformance/reference/stateless-era.ts'
import { adminApi, ROOT_TOKEN } from '../../test/support/node/admin-api.ts'
import { type AuditDatabase, startAuditDatabase } from '../../test/support/node/audit-database.ts'
import { type BareGateway, startBare } from '../../test/support/node/bare-workerd.ts'
import { type MisbehavingServer, startMisbehaving } from '../../test/support/node/misbehaving.ts'
import { ASKED } from './approvals.ts'
import { type Listener, startListener } from './listener.ts'
import { startShapes } from './shapes-server.ts'

/** Which session a request belongs to where it says nothing of one: docs/sessions.md. */
export type SessionsSetting = 'auto' | 'one' | 'many'

export interface World {
  readonly gateway: BareGateway
  /** Makes a tenant with one grant. */
  tenant(name: string, sessions: SessionsSetting): Promise<Tenant>
  stop(): Promise<void>
}

export interface Tenant {
  /** Without the origin. */
  readonly path: string
  readonly token: string
  /** How long a login that begins from now on lives without being used. */
  setIdle(seconds: number): Promise<void>
  /** Ends a transport, as its client could. */
  endTransport(id: string): Promise<number>
  /** Audit rows of calls so far, oldest first. */
  rows(): readonly AuditRow[]
  /** How often the server behind `ASKED` has made the call with this text. */
  made(text: string): number
  /** Who is told of approvals. */
  readonly webhook: Listener
  stop(): Promise<void>
}

export interface AuditRow {
  readonly seq: number
  readonly tool: string | null
  readonly session: string | null
  readonly account: string | null
  readonly decision: string | null
  readonly kind: string
}

/** As tenants have it unless they say otherwise. */
export const IDLE_SECONDS = 1_800

/** A tool of each kind that may be called once. */
export const LIMITED = { native: 'get_decision', upstream: 'ref__test_simple_text' } as const

const limits = [{ counter: 'lab', window: 'hour', max: 1, scope: 'grant', on_deny: 'Slow down.' }]
const policy = {
  version: '1',
  default: 'allow',
  tools: {
    [LIMITED.native]: { limits: [{ ...limits[0], counter: 'native' }] },
    [ASKED]: { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] },
    [LIMITED.upstream]: { limits: [{ ...limits[0], counter: 'upstream' }] },
  },
}

export async function startWorld(): Promise<World> {
  const started: { stop(): Promise<void> }[] = []
  const add = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const it = await starting
    started.push(it)
    return it
  }
  const stop = async () => {
    for (const it of started.reverse()) await it.stop()
  }
  try {
    const database: AuditDatabase = await add(startAuditDatabase())
    const vars = { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }
    const gateway = await add(startBare(vars, { auditDb: database.address }))
    const upstream = await add(startBothEras())
    const shapes = await add(startShapes())
    const crm = await add(startMisbehaving())
    const webhook = await add(startListener())
    return {
      gateway,
      tenant: (name, sessions) =>
        makeTenant(
          gateway.url,
          { ref: upstream.url, shapes: shapes.url, crm: crm.url },
          name,
          sessions,
          crm,
          webhook,
        ),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function makeTenant(
  origin: string,
  servers: Readonly<Record<string, string>>,
  name: string,
  sessions: SessionsSetting,
  crm: MisbehavingServer,
  webhook: Listener,
): Promise<Tenant> {
  const admin = adminApi(origin, name)
  const setIdle = async (idle_seconds: number) => {
    await admin.putTenant({ identity: { trusted: true }, sessions: { idle_seconds } })
  }
  await setIdle(IDLE_SECONDS)
  await admin.putPolicy('lab', policy)
  for (const [server, url] of Object.entries(servers)) {
    await admin.putServer(server, { url })
    await admin.scan(server)
  }
  const hooked = await fetch(`${origin}/api/v1/tenants/${name}/webhooks/lab`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: webhook.url, events: ['approval.pending', 'approval.decided'] }),
  })
  if (!hooked.ok) throw new Error(`the webhook of ${name}: HTTP ${hooked.status} ${await hooked.text()}`)
  const document = { policy: 'lab', servers: ['session', 'legiti', ...Object.keys(servers)] }
  const token = await admin.putGrant(
    'agent',
    sessions === 'auto' ? document : ({ ...document, sessions } as object),
  )
  const tail = followAudit(origin, name)
  await tail.opened
  return {
    path: `/t/${name}/mcp`,
    token,
    setIdle,
    endTransport: async (id) => {
      const headers = { authorization: `Bearer ${token}`, 'mcp-session-id': id }
      return (await fetch(`${origin}/t/${name}/mcp`, { method: 'DELETE', headers })).status
    },
    made: (text) => crm.executions(text),
    webhook,
    rows: () => tail.rows.toSorted((a, b) => a.seq - b.seq),
    stop: tail.stop,
  }
}

/** The tenant's audit trail as it grows. */
function followAudit(origin: string, tenant: string) {
  const rows: AuditRow[] = []
  const ending = new AbortController()
  const response = fetch(`${origin}/api/v1/tenants/${tenant}/audit/tail`, {
    headers: { authorization: `Bearer ${ROOT_TOKEN}`, accept: 'text/event-stream' },
    signal: ending.signal,
  })
  const reading = response.then(read, () => {})

  async function read(answered: Response): Promise<void> {
    if (!answered.ok) throw new Error(`the audit trail of ${tenant}: HTTP ${answered.status}`)
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of answered.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true })
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) keep(event)
      }
    } catch {
      // It was stopped.
    }
  }

  function keep(event: string): void {
    const data = event
      .split('\n')
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).trim())
      .join('\n')
    if (data === '') return
    const row = JSON.parse(data) as AuditRow & { readonly chain: string }
    if (row.kind === 'decision' && !rows.some(({ seq }) => seq === row.seq)) rows.push(row)
  }

  return {
    rows,
    opened: response.then(() => {}),
    stop: async () => {
      ending.abort()
      await reading
    },
  }
}

/** A logout that the stand-in for Legiti has got, with the moment; undefined while it has none. */
export async function logoutOf(
  origin: string,
  account: string,
): Promise<{ readonly atMs: number } | undefined> {
  const answer = await fetch(`${origin}/dev/legiti/events`)
  const { events } = (await answer.json()) as {
    events: { at: string; body: Record<string, unknown> | null }[]
  }
  const found = events.find(({ body }) => body?.account_id === account && body.action === 'logout')
  return found === undefined ? undefined : { atMs: Date.parse(found.at) }
}
