/** What a server has not declared it is not asked; a server that asks on the way to an answer which nobody sees is answered. */
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type RpcMessage } from '../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'
import { startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const ofEra = (era: Era) => ({ eras: { session: era === 'session', stateless: era === 'stateless' } })

/** Requests that need a capability, as the server itself knows what they name. */
const requests: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['tools/list', {}],
  ['prompts/list', {}],
  ['prompts/get', { name: 'p' }],
  ['resources/list', {}],
  ['resources/templates/list', {}],
  ['resources/read', { uri: 'a:b' }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } }],
]
const sessionOnly: typeof requests = [
  ['resources/subscribe', { uri: 'a:b' }],
  ['resources/unsubscribe', { uri: 'a:b' }],
  ['logging/setLevel', { level: 'info' }],
]
/** The same, as it is said where the server is one of several. */
const exposed = (name: string, params: Readonly<Record<string, unknown>>) =>
  JSON.parse(
    JSON.stringify(params).replace('"a:b"', `"${name}+a:b"`).replaceAll('"p"', `"${name}__p"`),
  ) as Record<string, unknown>

describe.skipIf(bareWorkerdMissing !== null)(`what a server has declared${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  describe.each(eras)('for a client of the %s era', (era) => {
    const asked = era === 'session' ? [...requests, ...sessionOnly] : requests

    test.each(eras)(
      'a server of the %s era that declares nothing is asked nothing, and is well',
      async (its) => {
        const nothing = { ...ofEra(its), capabilities: { tools: undefined } }
        for (const isScanned of [false, true]) {
          const { name, server, connect } = await world.add(`bare-${era}-${its}-${isScanned}`, {}, nothing)
          if (isScanned) {
            const { scan, tools, failures, breaker } = await world.admin.scan(name)
            expect([scan, tools, failures, breaker]).toEqual([{ ok: true, tools: 0 }, 0, 0, 'closed'])
          }
          const [all, one] = [await connect(era, 'all'), await connect(era, 'one')]
          for (const [method, params] of asked) {
            const there = await one.send(method, params)
            const isList = method.endsWith('/list')
            // A client of the session era never meets 404, by which its session would be over.
            expect([method, there.status, there.answer?.error?.code]).toEqual([
              method,
              era === 'session' ? 200 : 404,
              -32_601,
            ])
            const here = await all.send(method, exposed(name, params))
            expect([method, here.status]).toEqual([method, 200])
            if (isList) expect(here.answer?.result?._meta).toBeUndefined()
            else if (method !== 'logging/setLevel')
              expect([method, here.answer?.error?.code]).toEqual([
                method,
                method === 'resources/read' && era === 'session' ? -32_002 : -32_602,
              ])
          }
          const called = await one.send('tools/call', { name: 'echo', arguments: {} })
          expect(called.answer?.error ?? called.answer?.result?.isError).toBeTruthy()
          expect(await all.tools()).toContain('good__echo')
          const methods = new Set(server.requests.map(({ rpc }) => rpc))
          for (const method of ['initialize', 'server/discover', 'notifications/initialized', null])
            methods.delete(method)
          expect([...methods]).toEqual([])
          expect(await world.admin.status(name)).toMatchObject({
            failures: 0,
            breaker: 'closed',
            last_failure: null,
          })
        }
      },
    )

    test('a server that declares more later is asked from then on', async () => {
      const capabilities: Record<string, unknown> = {}
      const { name, server, connect } = await world.add(`grows-${era}`, {}, { ...ofEra(era), capabilities })
      await (await connect(era, 'all')).send('prompts/list')
      expect(server.received('prompts/list')).toEqual([])
      capabilities.prompts = {}
      await world.admin.scan(name)
      const agent = await connect(era, 'all')
      await until(
        'it is asked',
        async () => {
          await agent.send('prompts/list')
          return server.received('prompts/list').length > 0
        },
        BOUND_MS,
      )
    })

    test('that a thing is unknown is an answer, that a method is not implemented is not', async () => {
      const capabilities = { prompts: {}, resources: {} }
      for (const its of eras) {
        const { name, server, connect } = await world.add(
          `unknown-${era}-${its}`,
          {},
          { ...ofEra(its), capabilities },
        )
        const text = '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32601,"message":"Unknown: nope"}}'
        server.behave(({ rpc }) =>
          /^(tools\/call|prompts\/get|resources\/read)$/.test(rpc ?? '')
            ? { kind: 'raw', text }
            : { kind: 'ok' },
        )
        for (const entrance of ['one', 'all'] as const) {
          const agent = await connect(era, entrance)
          for (const [method, params] of [
            ['tools/call', { name: 'echo', arguments: {} }],
            ['prompts/get', { name: 'p' }],
            ['resources/read', { uri: 'a:b' }],
          ] as const) {
            const own =
              entrance === 'one'
                ? params
                : JSON.parse(JSON.stringify(exposed(name, params)).replace('"echo"', `"${name}__echo"`))
            const { status, answer } = await agent.send(method, own as Record<string, unknown>)
            expect([its, entrance, method, status, answer?.error]).toEqual([
              its,
              entrance,
              method,
              200,
              { code: -32_601, message: 'Unknown: nope' },
            ])
          }
        }
        const own = await connect(era, 'one')
        const unknown = await own.send('tasks/list')
        expect([unknown.status, unknown.answer?.error?.code]).toEqual([
          era === 'session' ? 200 : 404,
          -32_601,
        ])
      }
    })
  })

  test('changed roots are told only where the client has declared that they may change', async () => {
    for (const listChanged of [true, false]) {
      const { token, server, name } = await world.add(`roots-${listChanged}`, {}, ofEra('session'))
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      }
      const post = (body: object, more = {}) =>
        fetch(`${world.gateway.url}/mcp`, {
          method: 'POST',
          headers: { ...headers, ...more },
          body: JSON.stringify({ jsonrpc: '2.0', ...body }),
        })
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: { roots: { listChanged } },
        clientInfo: { name: 'x', version: '1' },
      }
      const opened = await post({ id: 1, method: 'initialize', params })
      await opened.text()
      const own = {
        'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
        'mcp-protocol-version': '2025-11-25',
      }
      await (
        await post(
          { id: 2, method: 'tools/call', params: { name: `${name}__echo`, arguments: { text: 'x' } } },
          own,
        )
      ).text()
      for (const method of ['notifications/roots/list_changed', 'notifications/x'])
        expect((await post({ method }, own)).status).toBe(202)
      await until('the other one is told', () => server.received('notifications/x').length === 1, BOUND_MS)
      expect(server.received('notifications/roots/list_changed')).toHaveLength(listChanged ? 1 : 0)
    }
  })
})

describe.skipIf(bareWorkerdMissing !== null)(`a server that asks before it answers${missing}`, () => {
  let world: UpstreamWorld
  const running: ScriptedServer[] = []
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(async () => {
    await Promise.all(running.map((it) => it.stop()))
    await world.stop()
  })

  /** Answers `method` in a stream once all of its own requests have been answered. */
  async function asking(method: string, questions: readonly string[]) {
    const answers = new Map<unknown, RpcMessage>()
    const waiting: (() => void)[] = []
    let count = 0
    const tell = (response: ServerResponse, message: object) =>
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
    const server: ScriptedServer = await startScripted('session', ({ body }, response) => {
      if (body !== null && body.method === undefined) {
        answers.set(body.id, body)
        for (const check of waiting) check()
        return false
      }
      if (body?.method !== method) return false
      count += 1
      const ids = questions.map((_, index) => `${method}-${count}-${index}`)
      const session = method === 'initialize' ? { 'mcp-session-id': `asked-${count}` } : {}
      response.writeHead(200, { 'content-type': 'text/event-stream', ...session })
      for (const [index, question] of questions.entries())
        tell(response, { id: ids[index], method: question })
      let isOver = false
      const check = () => {
        if (isOver || !ids.every((id) => answers.has(id))) return
        isOver = true
        const result =
          method === 'initialize'
            ? {
                protocolVersion: '2025-11-25',
                capabilities: { tools: {} },
                serverInfo: { name: 'asking', version: '1' },
              }
            : { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }
        tell(response, { id: body.id, result })
        response.end()
      }
      waiting.push(check)
      return true
    })
    running.push(server)
    return { server, answers }
  }

  test.each(['tools/list', 'initialize'])(
    'on the way to %s is answered, wherever the gateway reads',
    async (method) => {
      const { server, answers } = await asking(method, ['ping', 'roots/list', 'elicitation/create'])
      const name = `asks-${method.replace('/', '-')}`
      const seconds = { response_seconds: 3, idle_seconds: 3, call_seconds: 6 }
      await world.admin.putServer(name, { url: server.url, timeouts: seconds, limits: { concurrent: 1 } })
      expect((await within('scanning', BOUND_MS, world.admin.scan(name))).scan).toEqual({
        ok: true,
        tools: 1,
      })
      const token = await world.admin.putGrant(name, { policy: 'open', servers: [name] })
      for (const era of eras) {
        for (const path of ['/mcp', `/mcp/${name}`]) {
          const agent = await within(
            'connecting',
            BOUND_MS,
            connectAgent(era, `${world.gateway.url}${path}`, { authorization: `Bearer ${token}` }),
          )
          const tools = await within('listing', BOUND_MS, agent.tools())
          expect(tools).toEqual([path === '/mcp' ? `${name}__echo` : 'echo'])
        }
      }
      expect(answers.size).toBeGreaterThanOrEqual(9)
      for (const [id, answer] of answers) {
        const isPing = String(id).endsWith('-0')
        expect([id, answer.result, answer.error?.code]).toEqual([
          id,
          isPing ? {} : undefined,
          isPing ? undefined : -32_601,
        ])
      }
    },
  )
})
