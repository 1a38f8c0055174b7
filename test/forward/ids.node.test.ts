/** Ids of requests: ours on the way to a server, so that no two are ever the same, and the client's own on the way back. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type Era, eras } from '../support/node/mcp-agent.ts'
import { connectRaw, request } from '../support/node/raw-client.ts'
import { type Script, type ScriptedServer, startScripted, stream } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const BOUND_MS = 8_000
const entrances = ['all', 'one'] as const

describe.skipIf(bareWorkerdMissing !== null)(`ids of requests${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let count = 0
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    admin = adminApi(gateway.url, 'ids')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterAll(() => gateway?.stop())
  const open: ScriptedServer[] = []
  afterEach(async () => {
    for (const it of open.splice(0)) await it.stop()
  })

  /** A server, and how clients reach it. */
  async function add(era: Era, script: Script) {
    count += 1
    const name = `s${count}`
    const server = await startScripted(era, script)
    open.push(server)
    await admin.putServer(name, { url: server.url })
    const token = await admin.putGrant(`g${count}`, { policy: 'open', servers: [name] })
    const connect = (at: (typeof entrances)[number], by: Era = era, version?: string) =>
      connectRaw(by, `${gateway.url}/mcp${at === 'all' ? '' : `/${name}`}`, token, version)
    const echo = (at: (typeof entrances)[number]) =>
      `"name":"${at === 'all' ? `${name}__echo` : 'echo'}","arguments":{}`
    return { name, server, connect, echo }
  }

  /** The answer to a call, as JSON text in which `id` and a result stand where a test wants them. */
  const answerCalls =
    (write: (id: string) => string, type = 'application/json', status = 200): Script =>
    ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      response.writeHead(status, { 'content-type': type })
      response.end(write(JSON.stringify(body.id)))
      return true
    }

  const idIn = (text: string | undefined) =>
    text === undefined ? undefined : (JSON.parse(text) as { id?: unknown }).id

  test.each(eras)('are never the same twice, whoever sends them (%s)', async (era) => {
    const { server, connect, echo } = await add(era, () => false)
    const clients = [await connect('all'), await connect('one'), await connect('all')]
    for (const [i, client] of clients.entries()) {
      const at = i === 1 ? 'one' : 'all'
      for (const method of ['tools/list', 'tools/call', 'tools/list', 'prompts/get'] as const) {
        const params = method === 'tools/list' ? '' : echo(at)
        for (const id of ['1', '1', '"1"', '""', '0']) {
          const { messages } = await client.request(id, method, params)
          expect(messages.map(idIn)).toEqual([JSON.parse(id)])
        }
      }
    }
    const sent = server.requests.flatMap(({ body }) => (body?.id === undefined ? [] : [body.id]))
    expect(sent.length).toBeGreaterThan(60)
    expect(new Set(sent).size).toBe(sent.length)
  })

  describe.each(eras)('come back, in the %s era,', (era) => {
    const long = JSON.stringify('x'.repeat(400_000))
    const content = (text: string) => `{"content":[{"type":"text","text":${text}}]}`
    const event = (text: string) => `id: 5\ndata: ${text}\n\n`
    test.each<[string, (id: string) => string, string]>([
      [
        'in an answer',
        (id) => `{"jsonrpc":"2.0","id":${id},"result":${content('"ok"')}}`,
        'application/json',
      ],
      [
        'behind the result',
        (id) => `{"result":${content(id)},"jsonrpc":"2.0","id":${id}}`,
        'application/json',
      ],
      [
        'in a large answer',
        (id) => `{"jsonrpc":"2.0","id":${id},"result":${content(long)}}`,
        'application/json',
      ],
      [
        'behind a large result',
        (id) => `{"result":${content(long)},"id":${id},"jsonrpc":"2.0"}`,
        'application/json',
      ],
      [
        'behind a byte order mark',
        (id) => `\uFEFF{"jsonrpc":"2.0","id":${id},"result":${content(long)}}`,
        'application/json',
      ],
      [
        'in an event',
        (id) => event(`{"jsonrpc":"2.0","id":${id},"result":${content('"ok"')}}`),
        'text/event-stream',
      ],
      [
        'in a large event',
        (id) => event(`{"result":${content(long)},"jsonrpc":"2.0","id":${id}}`),
        'text/event-stream',
      ],
      [
        'in lines',
        (id) => `data: {"jsonrpc":"2.0",\ndata: "id":\ndata: ${id},\ndata: "result":${content('"ok"')}}\n\n`,
        'text/event-stream',
      ],
    ])('%s', async (_, write, type) => {
      const { server, connect, echo } = await add(era, answerCalls(write, type))
      for (const at of entrances) {
        const client = await connect(at)
        const { messages } = await client.request('"mine"', 'tools/call', echo(at))
        const sent = JSON.stringify(server.received('tools/call').at(-1)?.body?.id)
        const answers = messages.map((text) => JSON.parse(text) as object)
        expect(answers).toEqual([
          { ...JSON.parse(write(sent).replaceAll(/^(id: 5\n)?data: |\uFEFF/gm, '')), id: 'mine' },
        ])
      }
    })

    test.each<[string, string]>([
      ['an empty id', '"id":"",'],
      ['null', '"id":null,'],
      ['none', ''],
      ['a word', '"id":"server-error",'],
    ])('in a refusal under %s', async (_, id) => {
      const error = `{"jsonrpc":"2.0",${id}"error":{"code":-32602,"message":"refused"}}`
      for (const [type, status] of [
        ['application/json', 400],
        ['application/json', 200],
        ['text/event-stream', 200],
      ] as const) {
        if (id.includes('server') && status === 200) continue
        const text = type === 'application/json' ? error : `data: ${error}\n\n`
        const { connect, echo } = await add(
          era,
          answerCalls(() => text, type, status),
        )
        for (const at of entrances) {
          const { messages } = await (await connect(at)).request('7', 'tools/call', echo(at))
          expect(JSON.parse(messages.at(-1) ?? '')).toMatchObject({ id: 7, error: { message: 'refused' } })
        }
      }
    })

    test('in a batch', async () => {
      if (era !== 'session') return
      const { connect, echo } = await add(era, () => false)
      for (const at of entrances) {
        const client = await connect(at, 'session', '2025-03-26')
        const parts = ['1', '1', '"a"'].map((id) => request(era, id, 'tools/call', echo(at)))
        const { text } = await client.post(`[${parts.join(',')}]`)
        expect((JSON.parse(text) as { id: unknown }[]).map(({ id }) => id)).toEqual([1, 1, 'a'])
      }
    })
  })

  test('of an answer to another request are no answer, however long it is', async () => {
    const write = (text: string) => () => `{"jsonrpc":"2.0","id":"another","result":{"text":"${text}"}}`
    for (const text of ['short', 'x'.repeat(400_000)]) {
      const { connect, echo } = await add('session', answerCalls(write(text)))
      for (const at of entrances) {
        const { messages } = await (await connect(at)).request('7', 'tools/call', echo(at))
        expect(JSON.parse(messages.at(-1) ?? '')).toMatchObject({ id: 7, result: { isError: true } })
      }
    }
  })

  test.each(entrances)('of a stream that is resumed come back as well, again and again (%s)', async (at) => {
    let id: unknown
    const { server, connect, echo } = await add('session', ({ http, headers, body }, response) => {
      if (http === 'GET' && headers['last-event-id'] === '7') {
        stream(response)
        response.end('id: 8\ndata: \n\n')
        return true
      }
      if (http === 'GET' && headers['last-event-id'] === '8')
        return stream(response, { jsonrpc: '2.0', id, result: { late: true } })
      if (body?.method !== 'tools/call') return false
      id = body.id
      stream(response)
      response.end('id: 7\ndata: \n\n')
      return true
    })
    const client = await connect(at)
    const call = await client.request('"mine"', 'tools/call', echo(at))
    const heard = async (text: string, part: string) => {
      const abort = new AbortController()
      const last = /^id: (.*)$/m.exec(text)?.[1] ?? ''
      expect(last).toMatch(/^[!-~]+$/)
      const stream_ = await client.resume(last, abort.signal)
      let said = ''
      const decoder = new TextDecoder()
      for await (const piece of stream_.body ?? []) {
        said += decoder.decode(piece, { stream: true })
        if (said.includes(part)) break
      }
      abort.abort()
      return said
    }
    const second = at === 'one' ? await heard(call.text, 'id: ') : call.text
    expect(await heard(second, '"late":true')).toContain('"id":"mine"')
    expect(server.received('GET').map(({ headers }) => headers['last-event-id'])).toContain('8')
  })

  test.each(entrances)('name a request that is cancelled, while it is under way (%s)', async (at) => {
    const held: (() => void)[] = []
    const script: Script = ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      held.push(() =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result: {} })),
      )
      return true
    }
    const { server, connect, echo } = await add('session', script)
    const [client, other] = [await connect(at), await connect(at)]
    await other.request('9', 'tools/list')
    const calls = [client.request('7', 'tools/call', echo(at)), client.request('"7"', 'tools/call', echo(at))]
    await until('both are there', () => held.length === 2, BOUND_MS)
    const cancel = (who: typeof client, id: string) =>
      who.post(
        `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"enough"}}`,
      )
    // Nobody's request, and another client's.
    expect((await cancel(client, '8')).status).toBe(202)
    expect((await cancel(other, '7')).status).toBe(202)
    expect((await cancel(client, '7')).status).toBe(202)
    await until('it is cancelled', () => server.received('notifications/cancelled').length > 0, BOUND_MS)
    for (const finish of held) finish()
    const answers = await Promise.all(calls)
    expect(answers.map(({ messages }) => idIn(messages[0]))).toEqual([7, '7'])
    // Finished: there is nothing to be cancelled.
    await cancel(client, '7')
    await cancel(client, '"7"')
    await client.request('1', 'tools/list')
    const sent = server.received('tools/call').map(({ body }) => body?.id)
    const cancelled = server.received('notifications/cancelled').map(({ body }) => body?.params)
    expect(cancelled).toEqual([{ requestId: expect.any(String), reason: 'enough' }])
    expect(sent).toContain(cancelled[0]?.requestId)
  })

  test('name a subscription to its client as it named it', async () => {
    const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
    const { server, connect } = await add('stateless', ({ body }, response) => {
      if (body?.method !== 'subscriptions/listen') return false
      const meta = { [SUBSCRIPTION]: body.id }
      const notifications = { promptsListChanged: true }
      return stream(
        response,
        {
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: { notifications, _meta: meta },
        },
        { jsonrpc: '2.0', method: 'notifications/prompts/list_changed', params: { _meta: meta } },
      )
    })
    for (const at of entrances) {
      const abort = new AbortController()
      const client = await connect(at)
      const listening = request(
        'stateless',
        '7',
        'subscriptions/listen',
        '"notifications":{"promptsListChanged":true}',
      )
      const { body } = await client.open(listening, {}, abort.signal)
      let text = ''
      const decoder = new TextDecoder()
      for await (const piece of body ?? []) {
        text += decoder.decode(piece, { stream: true })
        if (text.includes('list_changed"')) break
      }
      abort.abort()
      const named = [...text.matchAll(/"io.modelcontextprotocol\/subscriptionId":([^}]*)/g)].map(
        ([, id]) => id,
      )
      expect(named).toEqual(['7', '7'])
    }
    const sent = server.received('subscriptions/listen').map(({ body }) => body?.id)
    expect([new Set(sent).size, sent.includes(7)]).toEqual([2, false])
  })

  describe.each(eras)('that JavaScript would write in another way, in the %s era,', (era) => {
    test.each(['1764446400123456789', '1.0', '-0', '12345678901234567890123'])(
      'come back as %s',
      async (id) => {
        const { name, server, connect, echo } = await add(era, () => false)
        for (const at of entrances) {
          const client = await connect(at)
          for (const [method, params] of [
            ['ping', ''],
            ['tools/list', ''],
            ['tools/call', echo(at)],
            ['tools/call', `"name":"${name}__none","arguments":{}`],
            ['tools/call', '"name":"x","arguments":{"n":1e400}'],
            ['prompts/get', '"name":"x"'],
            ['nonsense', ''],
          ] as const) {
            const { text, messages } = await client.request(id, method, params)
            expect([method, /"id":([^,}]*)/.exec(messages.at(-1) ?? text)?.[1]]).toEqual([method, id])
          }
        }
        for (const { body } of server.requests)
          if (body?.method === 'tools/call') expect(typeof body.id).toBe('string')
      },
    )

    test.each([
      '1e400',
      '-1E400',
      '9007199254740993',
      '9007199254740993.0',
      '9007199254740993e0',
      '90071992547409930e-1',
    ])('and other numbers reach no server: %s', async (number) => {
      const { server, connect, echo } = await add(era, () => false)
      for (const at of entrances) {
        const client = await connect(at)
        const call = echo(at)
        for (const params of [
          call.replace('{}', `{"n":${number}}`),
          call.replace('{}', `{"a":[{"n":[[${number}]]}]}`),
          call.replace('{}', `{"n":1,"\\u006e":${number}}`),
          `${call},"inputResponses":{"q":{"action":"accept","content":{"n":${number}}}}`,
        ]) {
          const { messages } = await client.request('1', 'tools/call', params)
          expect(JSON.parse(messages[0] ?? '')).toMatchObject({ id: 1, result: { isError: true } })
        }
        const { text } = await client.request('1', 'prompts/get', `"name":"x","arguments":{"n":${number}}`)
        expect(text).toContain(number)
        const others = [
          `"id":"x","result":{"n":${number}}`,
          `"method":"notifications/x","params":{"n":${number}}`,
        ]
        for (const other of era === 'session' ? others : []) {
          const { status, messages } = await client.post(`{"jsonrpc":"2.0",${other}}`)
          expect([status, idIn(messages[0])]).toEqual([400, null])
        }
        // A name that stands twice means what it says last, to the policy and to the server.
        await client.request('1', 'tools/call', call.replace('{}', `{"n":${number},"n":1.50,"m":0.1}`))
      }
      expect(server.received('tools/call').map(({ body }) => body?.params?.arguments)).toEqual([
        { n: 1.5, m: 0.1 },
        { n: 1.5, m: 0.1 },
      ])
    })
  })

  test('of a server’s own requests, and tokens in them, find back digit by digit, to it alone', async () => {
    const LARGE = '9007199254740993'
    const finish: (() => void)[] = []
    const asking: Script = ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      stream(response)
      response.write(
        `data: {"jsonrpc":"2.0","id":${LARGE},"method":"roots/list","params":{"_meta":{"progressToken":${LARGE}}}}\n\n`,
      )
      finish.push(() =>
        response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: body.id, result: {} })}\n\n`),
      )
      return true
    }
    const texts = new Map<string, string[]>()
    const one = await add('session', asking)
    const two = await add('session', asking)
    const token = await admin.putGrant('asked', { policy: 'open', servers: [one.name, two.name] })
    for (const [at, path] of [
      ['all', '/mcp'],
      ['one', `/mcp/${one.name}`],
    ] as const) {
      finish.length = 0
      const client = await connectRaw('session', `${gateway.url}${path}`, token, '2025-11-25', { roots: {} })
      const ask = async (name: string) => {
        const response = await client.open(
          request('session', '1', 'tools/call', `"name":"${name}","arguments":{}`),
        )
        return response
      }
      const first = await ask(at === 'all' ? `${one.name}__echo` : 'echo')
      const reader = first.body?.getReader()
      let text = ''
      const decoder = new TextDecoder()
      while (!text.includes('roots/list'))
        text += decoder.decode((await reader?.read())?.value, { stream: true })
      const [, id = ''] = /"id":("(?:[^"\\]|\\.)*"|[^,]*)/.exec(text) ?? []
      const [, progressToken = ''] = /"progressToken":("(?:[^"\\]|\\.)*"|[^}]*)/.exec(text) ?? []
      // The session that has asked is named, too; behind that stand the server's own digits.
      const named = `~[0-9a-f]{16}:${LARGE}`
      const form = at === 'all' ? `"${one.name}:\\\\"${named}\\\\""` : `"${named}"`
      for (const it of [id, progressToken]) expect(it).toMatch(new RegExp(`^${form}$`))
      await client.post(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${progressToken},"progress":1}}`,
      )
      await client.post(
        '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"nobody","progress":1}}',
      )
      expect((await client.post(`{"jsonrpc":"2.0","id":${id},"result":{"roots":[]}}`)).status).toBe(202)
      texts.set(at, [id])
      for (const it of finish) it()
      await reader?.cancel()
    }
    const told = (server: ScriptedServer) =>
      server.requests.flatMap(({ text: it, body }) => (body?.method === 'notifications/progress' ? [it] : []))
    await until('both were told', () => told(one.server).length >= 2, BOUND_MS)
    for (const text of told(one.server).filter((it) => !it.includes('nobody')))
      expect(text).toContain(`"progressToken":${LARGE}`)
    expect(told(two.server)).toEqual([])
    const answers = one.server.requests.filter(({ text: it }) => it.includes('"roots":[]'))
    expect(answers.map(({ text: it }) => it)).toEqual([
      `{"jsonrpc":"2.0","id":${LARGE},"result":{"roots":[]}}`,
      `{"jsonrpc":"2.0","id":${LARGE},"result":{"roots":[]}}`,
    ])
  })
})
