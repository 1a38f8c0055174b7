/** Requests that a server would understand otherwise than its client or the policy: they are not passed on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { echoTool, type ListedTool } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { entrances, startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
/** 2^53 + 1, which JavaScript cannot keep. */
const INEXACT = '9007199254740993'
const version: Readonly<Record<Era, string>> = { session: '2025-11-25', stateless: '2026-07-28' }
const envelope = {
  'io.modelcontextprotocol/protocolVersion': version.stateless,
  'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

describe.skipIf(bareWorkerdMissing !== null)(`what is not passed on${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  /** Posts text as it is: the numbers in it are the test's own. */
  async function postText(
    url: string,
    token: string,
    { era, session }: McpAgent,
    text: string,
    more: Readonly<Record<string, string>> = {},
  ) {
    const { method, params } = JSON.parse(text) as { method?: string; params?: { name?: string } }
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': version[era],
        ...(session === null ? {} : { 'mcp-session-id': session }),
        ...(era === 'stateless' && method !== undefined ? { 'mcp-method': method } : {}),
        ...(era === 'stateless' && params?.name !== undefined ? { 'mcp-name': params.name } : {}),
        ...more,
      },
      body: text,
    })
    const answered = await response.text()
    const body = answered === '' ? null : (JSON.parse(answered) as Record<string, never>)
    return { status: response.status, body: body as { result?: object; error?: object } | null }
  }

  const text = (era: Era, method: string, params: string) =>
    `{"jsonrpc":"2.0","id":7,"method":"${method}","params":{${params}${
      era === 'stateless' ? `${params === '' ? '' : ','}"_meta":${JSON.stringify(envelope)}` : ''
    }}}`

  test.each(entrances)(
    'a call without an id is no notification, and reaches nobody (%s)',
    async (entrance) => {
      const { name, server, token, connect } = await world.add(`silent-${entrance}`)
      const agent = await connect('session', entrance)
      const url = `${world.gateway.url}${entrance === 'all' ? '/mcp' : `/mcp/${name}`}`
      // So that there is a session to which it could go.
      await postText(url, token, agent, text('session', 'tools/list', ''))
      const silent = `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo","arguments":{}}}`
      const answer = await postText(url, token, agent, silent)
      expect(answer).toMatchObject({ status: 400, body: { error: { code: -32_600 } } })
      const heard = `{"jsonrpc":"2.0","method":"notifications/heard"}`
      expect((await postText(url, token, agent, heard)).status).toBe(202)
      await until('the notification', async () => server.received('notifications/heard').length > 0, 10_000)
      expect(server.received('tools/call')).toEqual([])
    },
  )

  describe.each(eras)('a number that would arrive as another, in the %s era', (era) => {
    test.each(entrances)('in a call: said to the agent, and not sent (%s)', async (entrance) => {
      const { name, server, token, connect } = await world.add(`numbers-${entrance}-${era}`)
      const agent = await connect(era, entrance)
      const url = `${world.gateway.url}${entrance === 'all' ? '/mcp' : `/mcp/${name}`}`
      const tool = entrance === 'all' ? `${name}__echo` : 'echo'
      const call = (n: string) =>
        postText(url, token, agent, text(era, 'tools/call', `"name":"${tool}","arguments":{"n":${n}}`))
      const refused = await call(INEXACT)
      expect(refused.body?.result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(new RegExp(`${INEXACT}.*as a string`)) }],
        _meta: { 'gatehouse/error': { code: 'invalid_arguments' } },
      })
      expect(server.received('tools/call')).toEqual([])
      for (const fine of ['9007199254740992', `"${INEXACT}"`, '1.5'])
        expect((await call(fine)).body?.result).not.toHaveProperty('isError')
      expect(server.received('tools/call')).toHaveLength(3)
    })

    test('in another request: invalid params', async () => {
      const { name, server, token, connect } = await world.add(`numbers-${era}`)
      const agent = await connect(era, 'all')
      const before = server.requests.length
      for (const [path, method, params] of [
        ['/mcp', 'prompts/get', `"name":"${name}__p","arguments":{"n":${INEXACT}}`],
        ['/mcp', 'tools/list', `"x":${INEXACT}`],
        [`/mcp/${name}`, 'tools/list', `"x":${INEXACT}`],
      ] as const) {
        const { body } = await postText(
          `${world.gateway.url}${path}`,
          token,
          agent,
          text(era, method, params),
        )
        expect([method, body?.error]).toEqual([
          method,
          { code: -32_602, message: expect.stringContaining(INEXACT) },
        ])
      }
      expect(server.requests.length).toBe(before)
    })

    test('to a native tool it is the tool’s own matter', async () => {
      const token = await world.admin.putGrant(`native-numbers-${era}`, { policy: 'open' })
      const url = `${world.gateway.url}/mcp`
      const agent = await connectAgent(era, url, { authorization: `Bearer ${token}` })
      const params = `"name":"auth_whoami","arguments":{"n":${INEXACT}}`
      const { body } = await postText(url, token, agent, text(era, 'tools/call', params))
      expect(JSON.stringify(body)).toContain('the unknown argument')
    })
  })

  test('a client’s own answer with such a number is refused, so that nobody takes it for another', async () => {
    const { token, connect } = await world.add('answers')
    const agent = await connect('session', 'all')
    await agent.callBad({ text: 'opens a session' })
    const answer = `{"jsonrpc":"2.0","id":"answers:1","result":{"action":"accept","content":{"n":${INEXACT}}}}`
    const refused = await postText(`${world.gateway.url}/mcp`, token, agent, answer)
    expect([refused.status, refused.body?.error]).toMatchObject([400, { code: -32_602 }])
  })

  describe('headers that repeat arguments', () => {
    const region: ListedTool = {
      name: 'echo',
      inputSchema: {
        type: 'object',
        properties: { text: { type: 'string', 'x-mcp-header': 'Region' } },
      },
    }

    test.each(entrances)('must say what the arguments say (%s)', async (entrance) => {
      const { name, server, token, connect } = await world.add(`params-${entrance}`)
      server.list({ tools: [region] })
      const agent = await connect('stateless', entrance)
      const url = `${world.gateway.url}${entrance === 'all' ? '/mcp' : `/mcp/${name}`}`
      const tool = entrance === 'all' ? `${name}__echo` : 'echo'
      const call = (header: Readonly<Record<string, string>>, value = 'eu') =>
        postText(
          url,
          token,
          agent,
          text('stateless', 'tools/call', `"name":"${tool}","arguments":{"text":"${value}"}`),
          header,
        )
      // Nothing is known of the tool yet, so that the call itself has the server list it.
      expect((await call({ 'mcp-param-region': 'us' })).status).toBe(400)
      const before = server.executions()
      for (const wrong of ['us', '=?base64?!?=']) {
        const { status, body } = await call({ 'mcp-param-region': wrong })
        expect([status, body?.error]).toMatchObject([400, { code: -32_020 }])
      }
      expect(server.executions()).toBe(before)
      for (const fine of [{ 'mcp-param-region': 'eu' }, { 'mcp-param-region': '=?base64?ZXU=?=' }, {}])
        expect((await call(fine)).status).toBe(200)
      expect((await call({ 'mcp-param-region': 'eu', 'mcp-param-other': 'x' })).status).toBe(200)
      expect(server.received('tools/call').at(-1)?.headers['mcp-param-region']).toBe('eu')
    })
  })

  describe.each(eras)('a policy on what tools say of themselves, in the %s era', (era) => {
    const policy = {
      version: '1',
      default: 'allow',
      all_tools: { require: [{ path: 'tool.annotations.readOnlyHint', op: 'eq', value: true }] },
    }
    const says = (readOnlyHint: boolean): ListedTool => ({ ...echoTool, annotations: { readOnlyHint } })

    async function agentOf(name: string, server: string): Promise<McpAgent> {
      await world.admin.putPolicy(name, policy)
      const token = await world.admin.putGrant(`${name}-agent`, { policy: name, servers: [server] })
      return connectAgent(era, `${world.gateway.url}/mcp/${server}`, { authorization: `Bearer ${token}` })
    }

    test('goes by the pins; before there are any, nothing is called', async () => {
      const { name, server } = await world.add(`hints-${era}`)
      server.list({ tools: [says(true), { ...says(false), name: 'other' }] })
      const agent = await agentOf(`hints-${era}`, name)
      expect(await agent.call('echo', { text: 'x' })).toMatchObject({ isError: true, code: 'unavailable' })
      expect(server.executions()).toBe(0)
      await agent.tools()
      expect((await agent.call('echo', { text: 'x' })).text).toBe('x')
      expect((await agent.call('other', {})).code).toBe('denied')
      expect((await agent.call('nothing', {})).code).toBe('unavailable')
    })

    test('a tool that now says otherwise is what it was, until that is accepted', async () => {
      const { name, server } = await world.add(`hints-drift-${era}`, { on_drift: 'report' })
      server.list({ tools: [says(false)] })
      const agent = await agentOf(`hints-drift-${era}`, name)
      await agent.tools()
      expect((await agent.call('echo', { text: 'x' })).code).toBe('denied')
      server.list({ tools: [says(true)] })
      await agent.tools()
      expect((await agent.call('echo', { text: 'x' })).code).toBe('denied')
      await world.admin.accept(name)
      expect((await agent.call('echo', { text: 'x' })).text).toBe('x')
    })
  })
})
