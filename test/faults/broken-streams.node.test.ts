/**
 * A stream breaks off: its server's connection, its server's process, or the Durable Object that it passes through. The client
 * hears of it, and nothing that was not whole passes for whole.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { endingOf, isFailure } from '../support/node/ending.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { type Script, startScripted, stream } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'
import { type Entrance, entrances } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'
import { root } from '../support/node/wrangler-dev.ts'

const BOUND_MS = 10_000
const progress = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'on' } }
const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`a stream that breaks off${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let count = 0
  const open: { stop(): void | Promise<void> }[] = []
  beforeAll(async () => {
    gateway = await startBare(
      { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
      { main: 'test/runtime/aborting/index.ts' },
    )
    admin = adminApi(gateway.url, 'broken')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.stop()
  })
  afterAll(() => gateway?.stop())

  /** A server of its own for each test, a grant that reaches it, and how to connect there. */
  async function register(url: string) {
    count += 1
    const name = `server-${count}`
    await admin.putServer(name, { url })
    const token = await admin.putGrant(name, { policy: 'open', servers: [name] })
    const connect = async (era: Era, entrance: Entrance, capabilities = {}) => {
      const at = `${gateway.url}/mcp${entrance === 'all' ? '' : `/${name}`}`
      const headers = { authorization: `Bearer ${token}` }
      return { at, headers, agent: await connectAgent(era, at, headers, capabilities) }
    }
    return { name, connect, toolAt: (entrance: Entrance) => (entrance === 'all' ? `${name}__echo` : 'echo') }
  }

  async function serve(era: Era, script: Script) {
    const server = await startScripted(era, script)
    open.push(server)
    return { server, ...(await register(server.url)) }
  }

  /** Reads a stream to its end, and says what came before. */
  function listen(opening: Promise<Response>) {
    let text = ''
    let end: 'open' | 'ended' | 'broken' = 'open'
    const read = async () => {
      const decoder = new TextDecoder()
      for await (const piece of (await opening).body ?? []) text += decoder.decode(piece, { stream: true })
    }
    read().then(
      () => {
        end = 'ended'
      },
      () => {
        end = 'broken'
      },
    )
    return { text: () => text, end: () => end }
  }

  /** GET in the session era, `subscriptions/listen` in the stateless one. */
  function openStream({
    at,
    headers,
    agent,
  }: {
    at: string
    headers: Record<string, string>
    agent: McpAgent
  }) {
    const gone = new AbortController()
    open.push({ stop: () => gone.abort() })
    const notifications = { toolsListChanged: true }
    return listen(
      agent.era === 'stateless'
        ? agent.open('subscriptions/listen', { notifications }, { signal: gone.signal })
        : fetch(at, {
            headers: {
              ...headers,
              accept: 'text/event-stream',
              'mcp-session-id': agent.session ?? '',
              'mcp-protocol-version': '2025-11-25',
            },
            signal: gone.signal,
          }),
    )
  }

  const abort = async (kind: 'exchange' | 'principal') => {
    const { aborted } = (await (await fetch(`${gateway.url}/abort/${kind}`)).json()) as { aborted: number }
    expect(aborted).toBeGreaterThan(0)
  }

  const ways = eras.flatMap((client) =>
    eras.flatMap((upstream) => entrances.map((entrance) => ({ client, upstream, entrance }))),
  )

  describe('by the death of its server’s process', () => {
    test.each(ways.flatMap((way) => (['json', 'events'] as const).map((form) => ({ ...way, form }))))(
      '$form, from the $upstream era to the $client era, at $entrance',
      async ({ client, upstream, entrance, form }) => {
        const child: ChildProcess = spawn(
          process.execPath,
          [join(root, 'test/support/node/mortal-server.ts'), upstream, form],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
        open.push({ stop: () => void child.kill('SIGKILL') })
        const [url] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
        const { connect, toolAt } = await register(String(url).trim())
        const { agent } = await connect(client, entrance)
        const opening = agent.open('tools/call', { name: toolAt(entrance), arguments: {} })
        const ending = within('it ends', BOUND_MS, opening.then(endingOf))
        // The beginning has arrived, or is on its way: either is a death in the middle of the answer.
        if (form === 'events') await within('it begins', BOUND_MS, opening)
        child.kill('SIGKILL')
        const { isBroken, answers } = await ending
        expect([isBroken, answers.length, answers.every(isFailure)]).toEqual([false, 1, true])
      },
    )
  })

  describe('by the end of the object that it passes through', () => {
    test.each(entrances)('a call that its server may ask about, at %s', async (entrance) => {
      const { connect, toolAt } = await serve('session', ({ body }, response) =>
        body?.method === 'tools/call' ? stream(response, progress) : false,
      )
      const { agent } = await connect('stateless', entrance, { elicitation: {} })
      const response = await agent.open('tools/call', { name: toolAt(entrance), arguments: {} })
      await abort('exchange')
      const { isBroken, answers } = await within('it ends', BOUND_MS, endingOf(response))
      expect([isBroken, answers.length, answers.every(isFailure)]).toEqual([false, 1, true])
    })

    test.each(entrances)('a question that its client has not answered, at %s', async (entrance) => {
      const { connect, toolAt } = await serve('stateless', ({ body }, response) => {
        if (body?.method !== 'tools/call') return false
        const schema = { type: 'object', properties: {} }
        const question = {
          method: 'elicitation/create',
          params: { message: 'Which?', requestedSchema: schema },
        }
        const result = { resultType: 'input_required', inputRequests: { one: question } }
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
        return true
      })
      const { agent } = await connect('session', entrance, { elicitation: {} })
      const response = await agent.open('tools/call', { name: toolAt(entrance), arguments: {} })
      await abort('exchange')
      const { isBroken, answers } = await within('it ends', BOUND_MS, endingOf(response))
      expect([isBroken, answers.length, answers.every(isFailure)]).toEqual([false, 1, true])
    })

    test.each(ways)(
      'what is said unasked: from the $upstream era to the $client era, at $entrance',
      async ({ client, upstream, entrance }) => {
        const { connect, server, toolAt } = await serve(upstream, asksNothing)
        const connected = await connect(client, entrance)
        // A server is joined once there is a session with it.
        await connected.agent.call(toolAt(entrance), {})
        const heard = openStream(connected)
        await until('it is heard', () => heard.text().includes('list_changed'), BOUND_MS)
        await abort('principal')
        await until('it ends', () => heard.end() !== 'open', BOUND_MS)
        expect(heard.text()).not.toContain('"result"')
        expect(server.requests.length).toBeGreaterThan(0)
      },
    )

    test('what is said unasked through an object of its own', async () => {
      const { connect, toolAt } = await serve('stateless', asksNothing)
      const connected = await connect('session', 'one')
      await connected.agent.call(toolAt('one'), {})
      const heard = openStream(connected)
      await until('it is heard', () => heard.text().includes('list_changed'), BOUND_MS)
      await abort('exchange')
      await until('it ends', () => heard.end() !== 'open', BOUND_MS)
      expect(heard.end()).toBe('broken')
    })
  })

  describe('by the end of its server’s connection', () => {
    const halves = [
      ['in the middle of a line', `data: ${JSON.stringify(progress).slice(0, 20)}`],
      ['behind a line', `data: ${JSON.stringify(progress)}\n`],
      ['between two events', ''],
    ] as const

    test.each(ways.flatMap((way) => halves.map(([where, half]) => ({ ...way, where, half }))))(
      '$where: from the $upstream era to the $client era, at $entrance',
      async ({ client, upstream, entrance, half }) => {
        const streams: Parameters<Script>[1][] = []
        const { connect, toolAt } = await serve(upstream, (request, response) => {
          const isStream = asksNothing(request, response)
          if (isStream) streams.push(response)
          return isStream
        })
        const connected = await connect(client, entrance)
        await connected.agent.call(toolAt(entrance), {})
        const heard = openStream(connected)
        await until('it is heard', () => heard.text().includes('list_changed'), BOUND_MS)
        const before = streams.length
        for (const response of streams) {
          response.write(half)
          // In a turn of its own, so that it is not overtaken.
          setImmediate(() => response.destroy())
        }
        if (entrance === 'all') {
          // The others of a shared stream go on, and this one is joined again.
          await until('it is asked again', () => streams.length > before, BOUND_MS)
          expect(heard.end()).toBe('open')
        } else {
          await until('it ends', () => heard.end() !== 'open', BOUND_MS)
          if (client === upstream) expect(heard.end()).toBe('broken')
        }
        expect(heard.text()).not.toMatch(/^data: .*"data":"on".*\n\n/m)
        expect(heard.text()).not.toContain('"result"')
      },
    )
  })
})

/** Opens a stream of the server's own, with one event, for whoever asks for one. */
const asksNothing: Script = ({ http, body }, response) => {
  if (http === 'GET') return stream(response, changed)
  if (body?.method !== 'subscriptions/listen') return false
  const _meta = { 'io.modelcontextprotocol/subscriptionId': body.id }
  const acknowledged = {
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { toolsListChanged: true }, _meta },
  }
  return stream(response, acknowledged, { ...changed, params: { _meta } })
}
