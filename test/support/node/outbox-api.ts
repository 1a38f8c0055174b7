/** The administration API's outbox of the demo's only grant, as an operator would ask it. */
const ROOT_TOKEN = 'gh_root_insecure-local-token'
const PATH = '/api/v1/tenants/demo/grants/agent/outbox'

export interface Outbox {
  readonly pending: number
  readonly dead: number
  readonly delivered: number
  readonly destination: {
    readonly state: 'open' | 'backing_off' | 'paused'
    readonly failures: number
    /** ISO 8601. */
    readonly retry_at: string | null
    readonly reason: string | null
  }
}

export interface OutboxEvent {
  readonly id: string
  readonly tool: string
  readonly state: string
  readonly attempts: number
  readonly last_error: string | null
}

export async function readOutbox(gatewayUrl: string): Promise<Outbox> {
  return (await ask(gatewayUrl, '', 200)) as Outbox
}

export async function listOutbox(
  gatewayUrl: string,
  state: 'pending' | 'dead' | 'delivered',
): Promise<readonly OutboxEvent[]> {
  const { items } = (await ask(gatewayUrl, `/events?state=${state}`, 200)) as { items: OutboxEvent[] }
  return items
}

export async function replayEvent(gatewayUrl: string, id: string): Promise<void> {
  await ask(gatewayUrl, `/events/${encodeURIComponent(id)}/replay`, 202, 'POST')
}

async function ask(gatewayUrl: string, path: string, expected: number, method = 'GET'): Promise<unknown> {
  const headers = { authorization: `Bearer ${ROOT_TOKEN}` }
  const response = await fetch(`${gatewayUrl}${PATH}${path}`, { method, headers })
  const text = await response.text()
  if (response.status !== expected)
    throw new Error(`${method} ${path} was answered ${response.status}: ${text}`)
  return JSON.parse(text) as unknown
}
