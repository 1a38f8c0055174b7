/**
 * The main job, played by real clients against a running gateway: `npm run demo` (or `npm run demo -- URL`).
 *
 * A session-era and a stateless-era client each connect, list tools, log in, call, run into the limit and log
 * out; then Legiti fails for a while. Ends with what Legiti received, and with a non-zero exit when anything
 * is not as it should be.
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as SessionEraClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as SessionEraTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { misuse, readCommandLine } from '../support/node/command-line.ts'

const HELP = [
  'Usage: npm run demo -- [URL]',
  '',
  'Two real clients log in at a gateway that runs (npm run dev), call tools, reach a limit and log out, and an outage of Legiti',
  'heals. Ends with 1 where anything is not as it should be.',
  '',
  '  URL   the gateway; GATEHOUSE_URL, or http://127.0.0.1:8787, where absent',
]
const { positionals } = readCommandLine(HELP, { allowPositionals: true })
const given = positionals[0] ?? process.env.GATEHOUSE_URL ?? 'http://127.0.0.1:8787'
// A host with a port, such as localhost:8787, parses as a URL of another scheme.
const parsed = URL.parse(given)
const base =
  parsed !== null && /^https?:$/.test(parsed.protocol)
    ? parsed
    : misuse(`found ${JSON.stringify(given)}`, 'the URL of a gateway, such as http://127.0.0.1:8787')
const mcp = new URL('/mcp', base)
const requestInit = { headers: { authorization: 'Bearer gh_demo_agent_insecure-local-token' } }
const root = { authorization: 'Bearer gh_root_insecure-local-token' }
const run = Date.now().toString(36)
/** The demo policy's limit on track_logout. */
const LIMIT = 30

interface Result {
  readonly isError: boolean
  readonly text: string
  readonly structured: Record<string, unknown>
}

type Call = (name: string, args?: Record<string, unknown>) => Promise<Result>

let failures = 0

function title(text: string): void {
  console.log(`\n${text}`)
}

/** Prints a fact and whether it is what it should be. */
function check(fact: string, isRight: boolean): void {
  console.log(`  ${isRight ? '✓' : '✗'} ${fact}`)
  if (!isRight) failures++
}

function resultOf(raw: unknown): Result {
  const {
    isError = false,
    content = [],
    structuredContent = {},
  } = raw as {
    isError?: boolean
    content?: { text?: string }[]
    structuredContent?: Record<string, unknown>
  }
  return { isError, text: content[0]?.text ?? '', structured: structuredContent }
}

async function main(): Promise<void> {
  await ready()
  await behave('ok')
  await sessionEra()
  await statelessEra()
  await outage()
  await whatLegitiGot()
}

async function sessionEra(): Promise<void> {
  title(`Session era (@modelcontextprotocol/sdk) at ${mcp.href}`)
  const client = new SessionEraClient({ name: 'demo-session-era', version: '1' })
  const transport = new SessionEraTransport(mcp, { requestInit })
  // The SDK's own types disagree under exactOptionalPropertyTypes (sessionId?: string | undefined).
  await client.connect(transport as unknown as Parameters<typeof client.connect>[0])
  const call: Call = async (name, args = {}) => resultOf(await client.callTool({ name, arguments: args }))
  const { name, version } = client.getServerVersion() ?? {}
  check(`connected to ${name} ${version}, session ${transport.sessionId}`, transport.sessionId !== undefined)
  const { tools } = await client.listTools()
  check(
    `${tools.length} tools: ${tools
      .slice(0, 4)
      .map((tool) => tool.name)
      .join(', ')}, …`,
    tools.length === 21,
  )

  await logIn(call, `ana-${run}`)
  const decision = await call('get_decision', { sale_id: `sale-${run}` })
  check(`get_decision: ${decision.text}`, decision.structured.decision === 'approve')
  await hitTheLimit(call, true)

  const logout = await call('auth_logout')
  check(
    `auth_logout: ${logout.text}`,
    logout.text === 'Logged out successfully' && logout.structured.ended === true,
  )
  const after = await call('auth_whoami')
  check(`the connection goes on without an account: ${after.text}`, after.structured.logged_in === false)
  await logIn(call, `cleo-${run}`)
  const next = await call('auth_logout')
  check('the next login needs no new connection, and ends by itself', next.structured.ended === true)
  await client.close()
}

async function statelessEra(): Promise<void> {
  title(`Stateless era (@modelcontextprotocol/client) at ${mcp.href}`)
  const client = new Client(
    { name: 'demo-stateless-era', version: '1' },
    { versionNegotiation: { mode: 'auto' } },
  )
  await client.connect(new StreamableHTTPClientTransport(mcp, { requestInit }))
  const call: Call = async (name, args = {}) => resultOf(await client.callTool({ name, arguments: args }))
  check(
    `connected, revision ${client.getNegotiatedProtocolVersion()}`,
    client.getNegotiatedProtocolVersion() === '2026-07-28',
  )
  const { tools } = await client.listTools()
  check(`${tools.length} tools`, tools.length === 21)

  const session = await logIn(call, `bea-${run}`)
  const unnamed = await call('auth_whoami')
  check('auth_whoami without the handle means the live session', unnamed.structured.account === `bea-${run}`)
  const whoami = await call('auth_whoami', { session })
  check(`auth_whoami with the handle: ${whoami.text}`, whoami.structured.account === `bea-${run}`)
  await hitTheLimit((name, args) => call(name, { ...args, session }), false)

  const logout = await call('auth_logout', { session })
  check(`auth_logout: ${logout.text}`, logout.structured.ended === true)
  const again = await call('auth_logout')
  check(
    `auth_logout again: ${again.text}`,
    again.text === 'No active session' && again.structured.ended === false,
  )
  await client.close()
}

async function logIn(call: Call, account: string): Promise<string> {
  const login = await call('auth_login', { provider: 'trusted', account_id: account })
  check(`auth_login: ${login.text}`, !login.isError && login.structured.account === account)
  return String(login.structured.session)
}

/** Calls until the policy says stop. The first client has a minute to itself: exactly the limit is let through. */
async function hitTheLimit(call: Call, isFirst: boolean): Promise<void> {
  await untilMinuteHasRoom()
  let { accepted, last } = await callUntilRefused(call)
  if (isFirst && accepted < LIMIT) {
    console.log(`  … ${LIMIT - accepted} calls of this minute were used before; waiting for a new one`)
    await sleep(60_100 - (Date.now() % 60_000))
    ;({ accepted, last } = await callUntilRefused(call))
  }
  const error = (last.structured.error ?? {}) as Record<string, unknown>
  check(`track_logout: ${accepted} accepted in this minute`, isFirst ? accepted === LIMIT : accepted <= LIMIT)
  const isExplained =
    error.code === 'rate_limited' && error.rule === '/tools/track_logout/limits/0' && error.limit === LIMIT
  check(`then: ${last.text}`, isExplained)
}

async function callUntilRefused(call: Call): Promise<{ accepted: number; last: Result }> {
  let accepted = 0
  let last = await call('track_logout', { account_id: `limit-${run}` })
  while (!last.isError && accepted <= LIMIT) {
    accepted++
    last = await call('track_logout', { account_id: `limit-${run}` })
  }
  return { accepted, last }
}

/** The limit counts calendar minutes; thirty calls fit into what is left of one, with room to spare. */
async function untilMinuteHasRoom(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left > 15_000) return
  console.log(`  … waiting ${Math.ceil(left / 1_000)} s for a new minute`)
  await sleep(left + 100)
}

async function outage(): Promise<void> {
  title('An outage of Legiti, and its end')
  await behave('fail')
  const client = new Client({ name: 'demo-outage', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(mcp, { requestInit }))
  const call: Call = async (name, args = {}) => resultOf(await client.callTool({ name, arguments: args }))
  const session = await logIn(call, `eva-${run}`)
  const logout = await call('auth_logout', { session })
  check(`auth_logout while Legiti fails: ${logout.text}`, logout.structured.ended === true)
  await client.close()

  const during = await outbox()
  check(`${during.pending} events wait; Legiti is ${during.destination.state}`, during.pending > 0)
  await behave('ok')
  const deadline = Date.now() + 30_000
  let after = await outbox()
  while (after.pending > 0 && Date.now() < deadline) {
    await sleep(250)
    after = await outbox()
  }
  check(`Legiti is back: ${after.pending} events wait`, after.pending === 0)
}

async function whatLegitiGot(): Promise<void> {
  title('What Legiti received of this run (GET /dev/legiti/events)')
  const { events } = (await json('/dev/legiti/events')) as {
    events: {
      at: string
      method: string
      path: string
      status: number
      body: Record<string, unknown> | null
    }[]
  }
  const mine = events.filter(
    ({ body }) => String(body?.account_id).endsWith(run) && !String(body?.account_id).startsWith('limit'),
  )
  for (const { at, method, path, status, body } of mine) {
    console.log(`    ${at} ${status} ${method} ${path} ${JSON.stringify(body)}`)
  }
  for (const who of ['ana', 'bea', 'eva']) {
    const got = mine.filter(({ body, status }) => body?.account_id === `${who}-${run}` && status === 201)
    const actions = got.map(({ body }) => body?.action).join(', ')
    check(`${who}: ${actions}`, actions === 'login, logout')
  }
}

/** Ends the program with one sentence where the scenes cannot be played. */
async function ready(): Promise<void> {
  const problem = await whyNot()
  if (problem === null) return
  console.error(problem)
  process.exit(1)
}

async function whyNot(): Promise<string | null> {
  const health = await asked('/healthz')
  if (health === null) return `No gateway answers at ${base.href}. Start one with: npm run dev`
  const { detail } = (health.body ?? {}) as { detail?: string }
  if (health.status !== 200)
    return `The gateway at ${base.href} serves nobody: ${detail ?? `HTTP ${health.status}`}`
  const demo = await asked('/dev/demo')
  const { lacks } = ((demo?.status === 200 && demo.body) || {}) as { lacks?: string | null }
  if (lacks === null) return null
  return `${base.href} cannot play the demo, which needs ${NEEDS}: ${lacks ?? 'DEMO is not "true" there'}.`
}

const NEEDS = 'DEMO="true" in .dev.vars, both native servers and the stand-in for Legiti'

/** Null where nobody answers. */
async function asked(path: string): Promise<{ status: number; body: unknown } | null> {
  const answer = await fetch(new URL(path, base)).catch(() => null)
  return answer === null ? null : { status: answer.status, body: await answer.json().catch(() => null) }
}

async function behave(mode: string): Promise<void> {
  const body = JSON.stringify({ mode })
  const answer = await fetch(new URL('/dev/legiti/behaviour', base), { method: 'POST', body })
  if (!answer.ok) throw new Error(`the stand-in for Legiti answered ${answer.status}`)
}

async function outbox() {
  const answer = await json('/api/v1/tenants/demo/grants/agent/outbox', root)
  return answer as { pending: number; destination: { state: string } }
}

async function json(path: string, headers: Record<string, string> = {}): Promise<unknown> {
  return (await fetch(new URL(path, base), { headers })).json()
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

await main().catch((error: unknown) => {
  failures++
  console.error(error)
})
console.log(failures === 0 ? '\nAll as it should be.' : `\n${failures} things are off.`)
process.exit(failures === 0 ? 0 : 1)
