/** What a server of the stateless era asks a client of the session era: who may answer, and what if nobody does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSessionEra } from '../conformance/reference/session-era.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { nameOf, startWorld, type World } from '../support/node/eras-world.ts'
import { until } from '../support/node/until.ts'

let world: World

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

/** A client of the session era by hand: every byte is the test's own. */
async function open(token: string) {
  const url = `${world.gateway.url}/mcp/${nameOf('stateless')}`
  let session: string | null = null
  const post = async (message: object, signal: AbortSignal | null = null) => {
    const response = await fetch(url, {
      method: 'POST',
      signal,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session === null ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    })
    session ??= response.headers.get('mcp-session-id')
    return response
  }
  await (
    await post({
      id: 0,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: { elicitation: {} },
        clientInfo: { name: 'by-hand', version: '1' },
      },
    })
  ).text()
  /** Calls `ask_name`, and returns the question's id and the way to everything after it. */
  const ask = async (id: number) => {
    const response = await post({ id, method: 'tools/call', params: { name: 'ask_name', arguments: {} } })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const first = (await reader?.read())?.value ?? ''
    const question = JSON.parse(/^data: (.*)$/m.exec(first)?.[1] ?? '{}') as { id: string; method: string }
    const rest = async () => {
      let text = ''
      for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read())
        text += read.value
      return text
    }
    return { question, rest }
  }
  return { post, ask }
}

const accept = (name: string) => ({ result: { action: 'accept', content: { name } } })

describe.skipIf(bareWorkerdMissing !== null)(`questions${skipped}`, () => {
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())

  test('are answered by whom they were asked, in the session that they were asked in, once', async () => {
    const token = await world.grant('asked')
    const [asked, sameGrant, foreign] = [
      await open(token),
      await open(token),
      await open(await world.grant('foreign')),
    ]
    const { question, rest } = await asked.ask(1)
    expect(question).toMatchObject({ method: 'elicitation/create' })
    const { id } = question
    for (const other of [sameGrant, foreign]) {
      expect((await other.post({ id, ...accept('Eve') })).status).toBe(202)
    }
    const forged = `${id.slice(0, -10)}AAAAAAAA.0`
    for (const wrong of [forged, `${id}0`, 'gatehouse1.', id.replace(/\.[0-9a-f]{8}/, '.00000000'), 7])
      expect((await asked.post({ id: wrong, ...accept('Eve') })).status).toBe(202)
    expect((await asked.post({ id, ...accept('Ana') })).status).toBe(202)
    expect((await asked.post({ id, ...accept('Eve') })).status).toBe(202)
    const text = await rest()
    expect(text).toContain('Hello, Ana!')
    expect(text).toContain('"id":1')
  })

  test('that a client answers with an error end its call with words', async () => {
    const { ask, post } = await open(await world.grant('asked'))
    const { question, rest } = await ask(1)
    await post({ id: question.id, error: { code: -1, message: 'nobody here' } })
    const text = await rest()
    expect(text).toContain('"isError":true')
    expect(text).toContain('input_missing')
    expect(text).toContain('nobody here')
  })

  test('of a call that is cancelled are not waited for', async () => {
    const { ask, post } = await open(await world.grant('asked'))
    const { rest } = await ask(1)
    await post({ method: 'notifications/cancelled', params: { requestId: 1 } })
    expect(await rest()).not.toContain('Hello')
  })

  test('of a client that has hung up are not waited for: its call is over', async () => {
    const token = await world.grant('asked')
    const { post } = await open(token)
    const abort = new AbortController()
    const before = world.servers.stateless.world.cancellations
    const response = await post(
      {
        id: 1,
        method: 'tools/call',
        params: {
          name: 'slow_progress',
          arguments: { steps: 100, wait_ms: 100 },
          _meta: { progressToken: 'p' },
        },
      },
      abort.signal,
    )
    await response.body?.getReader().read()
    abort.abort()
    await until('it is cancelled', () => world.servers.stateless.world.cancellations > before, 10_000)
  })

  test.each([
    ['test_input_required_result_multi_round', 'a likes a'],
    ['test_input_required_result_multiple_inputs', 'Three answers, from a'],
    ['test_input_required_result_request_state', 'state-ok'],
    ['test_streaming_elicitation', 'Hello, a!'],
  ])('may come in rounds, with states and with others: %s', async (tool, text) => {
    const agent = await world.connect('session', 'stateless', {
      elicit: ({ requestedSchema }) => {
        const { properties } = requestedSchema as { properties: Record<string, { type: string }> }
        const content = Object.entries(properties).map(([name, { type }]) => [
          name,
          type === 'boolean' ? true : 'a',
        ])
        return { action: 'accept', content: Object.fromEntries(content) }
      },
    })
    expect(await agent.callTool(tool)).toMatchObject({ isError: false, text })
  })

  test('may be about a prompt', async () => {
    const agent = await world.connect('session', 'stateless', {
      elicit: () => ({ action: 'accept', content: { context: 'cats' } }),
    })
    const prompt = await agent.request('prompts/get', { name: 'test_input_required_result_prompt' })
    expect(prompt).toMatchObject({ messages: [{ content: { text: 'Context: cats' } }] })
  })

  test('of a server that dies meanwhile end with its name', async () => {
    const server = await startSessionEra()
    await world.admin.putServer('dying', { url: server.url })
    const token = await world.admin.putGrant('dying', { policy: 'open', servers: ['dying'] })
    const agent = await world.connectTo('stateless', 'dying', {
      token,
      elicit: async () => {
        await server.stop()
        return { action: 'accept', content: { name: 'Ana' } }
      },
    })
    const { isError, text } = await agent.callTool('ask_name')
    expect(isError).toBe(true)
    expect(text).toContain('The server "dying"')
  })
})
