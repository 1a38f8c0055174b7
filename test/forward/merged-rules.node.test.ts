/** Names, pages and rules of what several servers list behind one URL, on servers that list just what a test says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expose } from '../../src/names/tools.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { echoTool, type ListedTool, manyTools } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { startUpstreamWorld, type Unwell, type UpstreamWorld } from '../support/node/upstream-world.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const named = (name: string, more: object = {}): ListedTool => ({ ...echoTool, name, ...more })

describe.skipIf(bareWorkerdMissing !== null)(`what is listed at /mcp${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
    await world.admin.putTenant({ identity: { trusted: true } })
  })
  afterAll(() => world.stop())

  let grants = 0
  /** An agent under a policy of its own. */
  async function agentUnder(era: Era, policy: object, servers: readonly string[]): Promise<McpAgent> {
    grants += 1
    const name = `rules-${grants}`
    await world.admin.putPolicy(name, { version: '1', ...policy })
    const token = await world.admin.putGrant(name, { policy: name, servers })
    return connectAgent(era, `${world.gateway.url}/mcp`, { authorization: `Bearer ${token}` })
  }

  /** The tools that the server was called by. */
  const calledAs = ({ server }: Unwell) =>
    server.received('tools/call').map(({ body }) => (body as { params: { name: string } }).params.name)

  test('_meta, annotations and whatever else a tool says stay with it', async () => {
    const unwell = await world.add('says-more')
    const more = {
      title: 'Echo',
      annotations: { readOnlyHint: true },
      _meta: { 'example.com/x': [1] },
      icons: [{ src: 'https://example.com/i.png' }],
    }
    unwell.server.list({ tools: [named('echo', more)] })
    const agent = await unwell.connect('session', 'all')
    const { answer } = await agent.send('tools/list')
    const tools = answer?.result?.tools as { name: string }[]
    expect(tools.find(({ name }) => name === 'says-more__echo')).toEqual({
      ...echoTool,
      ...more,
      name: 'says-more__echo',
    })
  })

  test.each(eras)('pages of two servers, each with its own cursor, in the %s era', async (era) => {
    const [few, many] = [await world.add(`few-${era}`), await world.add(`many-${era}`)]
    few.server.list({ tools: manyTools(3), pageSize: 2 })
    many.server.list({ tools: manyTools(7), pageSize: 3 })
    const agent = await agentUnder(era, { default: 'allow' }, [few.name, many.name])
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const { answer } = await agent.send('tools/list', cursor === undefined ? {} : { cursor })
      const result = answer?.result as { tools: { name: string }[]; nextCursor?: string }
      pages.push(result.tools.map(({ name }) => name))
      cursor = result.nextCursor
    } while (cursor !== undefined)
    expect(pages.map(({ length }) => length)).toEqual([5, 4, 1])
    expect(pages.flat()).toEqual(await agent.tools())
    expect(new Set(pages.flat()).size).toBe(10)
    for (const wrong of ['nonsense', 'e30', 7]) {
      const { answer } = await agent.send('tools/list', { cursor: wrong })
      // An empty cursor is one: of servers that all have been listed to their end.
      if (wrong === 'e30') expect(answer?.result?.tools).toEqual([])
      else expect(answer?.error?.code).toBe(-32_602)
    }
  })

  test.each(eras)('a server that is silent costs a list five seconds at most, in the %s era', async (era) => {
    const slow = await world.add(`silent-${era}`, { timeouts: { response_seconds: 30 } })
    slow.server.behave(() => ({ kind: 'hang' }))
    const agent = await slow.connect(era, 'all')
    const { answer, ms } = await agent.send('tools/list')
    expect(JSON.stringify(answer?.result?.tools)).toContain('good__echo')
    expect(answer?.result?._meta).toEqual({
      'gatehouse/unavailable': [
        {
          server: slow.name,
          code: 'upstream_timeout',
          message: `The server "${slow.name}" did not list within 5 seconds.`,
        },
      ],
    })
    // Not for as long as it may take to answer anything else, which is 30 seconds.
    expect(ms).toBeLessThan(25_000)
    const why = async () => (await world.admin.status(slow.name)).last_failure?.kind
    await until('the status says why', async () => (await why()) === 'timeout', 5_000)
  })

  test.each(eras)(
    'how long others wait is a setting, and to be slow there is no failure, in the %s era',
    async (era) => {
      const document = {
        timeouts: { response_seconds: 30, list_seconds: 1 },
        breaker: { failures: 1, open_seconds: 60 },
      }
      const slow = await world.add(`slow-${era}`, document)
      // A call is of a tool that has been listed.
      await world.admin.scan(slow.name)
      slow.server.behave({ 'tools/list': { kind: 'hang' } })
      const agent = await slow.connect(era, 'all')
      for (const _ of [1, 2]) {
        const { answer, ms } = await agent.send('tools/list')
        expect(answer?.result?._meta).toMatchObject({
          'gatehouse/unavailable': [
            { code: 'upstream_timeout', message: `The server "${slow.name}" did not list within 1 seconds.` },
          ],
        })
        expect(ms).toBeLessThan(25_000)
      }
      // One failure would be enough, and a call is what it was made for.
      expect(await agent.callBad({ text: 'hi' })).toMatchObject({ isError: false, text: 'hi' })
      const status = async () => world.admin.status(slow.name)
      await until('the status says so', async () => (await status()).last_failure?.kind === 'timeout', 5_000)
      expect((await status()).breaker).toBe('closed')
      // By its own time-outs it fails as any other does.
      await world.admin.putServer(slow.name, {
        url: slow.server.url,
        ...document,
        timeouts: { response_seconds: 1, list_seconds: 5 },
      })
      await agent.send('tools/list')
      await until('it is left alone', async () => (await agent.callBad({ text: 'hi' })).isError, 5_000)
    },
  )

  test.each(eras)(
    'a server that lists more than there is room for leaves the others theirs, in the %s era',
    async (era) => {
      const patient = { timeouts: { idle_seconds: 30, call_seconds: 60, list_seconds: 30 } }
      const [greedy, other] = [
        await world.add(`greedy-${era}`, patient),
        await world.add(`modest-${era}`, patient),
      ]
      greedy.server.behave({ 'tools/list': { kind: 'large', bytes: 20 * 1024 * 1024, in: 'json' } })
      const many = Array.from({ length: 2_000 }, (_, i) =>
        named(`tool-${i}`, { description: 'x'.repeat(1_000) }),
      )
      other.server.list({ tools: many })
      const agent = await agentUnder(era, { default: 'allow' }, [greedy.name, other.name, 'good'])
      const { answer } = await agent.send('tools/list')
      const tools = answer?.result?.tools as { name: string }[]
      expect(tools).toHaveLength(2_001)
      expect(answer?.result?._meta).toMatchObject({
        'gatehouse/unavailable': [{ server: greedy.name, code: 'upstream_too_large' }],
      })
    },
  )

  test.each(eras)('no server passes for another, or for the gateway, in the %s era', async (era) => {
    const [evil, well] = [await world.add(`evil-${era}`), await world.add(`well-${era}`)]
    const borrowed = ['auth_whoami', `${well.name}__echo`, 'other']
    evil.server.list({ tools: borrowed.map((name) => named(name)) })
    const tools = { auth_whoami: {}, [`${well.name}__echo`]: {} }
    const agent = await agentUnder(era, { default: 'deny', tools }, ['session', well.name, evil.name])
    let listed = await agent.send('tools/list')
    const names = () => (listed.answer?.result?.tools as { name: string }[] | undefined)?.map((it) => it.name)
    const isWhole = async () => {
      if (names()?.length === 2) return true
      console.warn(`a list without all that answer: ${JSON.stringify(listed.answer)}`)
      listed = await agent.send('tools/list')
      return false
    }
    await until('all servers are listed', isWhole, 5_000)
    expect(names()).toEqual(['auth_whoami', `${well.name}__echo`])
    for (const name of borrowed)
      expect((await agent.call(`${evil.name}__${name}`, { text: 'x' })).code).toBe('default_deny')
    expect(calledAs(evil)).toEqual([])
  })

  test.each(eras)('a name that does not fit is exposed as another, in the %s era', async (era) => {
    const unwell = await world.add(`odd-names-${era}`)
    const long = 'x'.repeat(100)
    unwell.server.list({ tools: [named('files.read'), named(long), echoTool] })
    const agent = await unwell.connect(era, 'all')
    const tools = (await agent.tools()).filter((name) => name.startsWith(unwell.name))
    expect(tools).toHaveLength(3)
    for (const name of tools) expect(name).toMatch(/^[A-Za-z0-9_-]{1,48}$/)
    for (const name of tools) await agent.call(name, { text: name })
    expect(calledAs(unwell)).toEqual(['files.read', long, 'echo'])
    const { names } = await world.admin.status(unwell.name)
    expect(Object.values(names.renamed).toSorted()).toEqual(['files.read', long])
    // At its own URL it is called what it is called.
    const own = await unwell.connect(era, 'one')
    expect(await own.tools()).toEqual(['files.read', long, 'echo'])
  })

  test('of two names that clash the first is listed, and the status says so of the other', async () => {
    const unwell = await world.add('clashes')
    const taken = expose('clashes', 'a.b').slice('clashes__'.length)
    unwell.server.list({
      tools: [named(taken), named('a'), named('a', { description: 'Again.' }), named('a.b')],
    })
    const agent = await unwell.connect('session', 'all')
    const tools = (await agent.tools()).filter((name) => name.startsWith('clashes'))
    expect(tools).toEqual(['clashes__a', `clashes__${taken}`])
    await agent.call(`clashes__${taken}`, { text: 'whose?' })
    expect(calledAs(unwell)).toEqual(['a.b'])
    const { names } = await world.admin.status('clashes')
    expect(names.left_out).toEqual([
      { name: 'a', reason: 'the server lists it 2 times; the first one is kept' },
      { name: taken, reason: `it would be exposed as clashes__${taken}, as "a.b" is already` },
    ])
  })

  test.each(eras)(
    'a name of more than 256 characters is neither listed nor called, in the %s era',
    async (era) => {
      const unwell = await world.add(`long-names-${era}`)
      const [longest, longer] = ['y'.repeat(256), 'z'.repeat(257)]
      unwell.server.list({ tools: [named(longest), named(longer)] })
      const own = await unwell.connect(era, 'one')
      expect(await own.tools()).toEqual([longest])
      const { answer } = await own.send('tools/call', { name: longer, arguments: {} })
      expect(answer?.error).toMatchObject({ code: -32_602, message: `Unknown tool: ${longer}` })
      await own.call(longest, { text: 'hi' })
      expect(calledAs(unwell)).toEqual([longest])
      const all = await (await unwell.connect(era, 'all')).tools()
      expect(all.filter((name) => name.startsWith('long-names'))).toHaveLength(1)
    },
  )

  describe.each(eras)('under a policy, in the %s era', (era) => {
    test('a grant reaches its own servers alone', async () => {
      const other = await world.add(`unreached-${era}`)
      const agent = await agentUnder(era, { default: 'allow' }, ['good'])
      expect(await agent.tools()).toEqual(['good__echo'])
      const { answer } = await agent.send('tools/call', { name: `${other.name}__echo`, arguments: {} })
      expect(answer?.error?.message).toBe(`Unknown tool: ${other.name}__echo`)
      const token = await world.admin.putGrant(`unreached-too-${era}`, { policy: 'open', servers: ['good'] })
      const there = await fetch(`${world.gateway.url}/mcp/${other.name}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'initialize',
          params: {
            protocolVersion: '2025-11-25',
            capabilities: {},
            clientInfo: { name: 'x', version: '1' },
          },
        }),
      })
      expect(there.status).toBe(404)
      expect(other.server.requests).toEqual([])
    })

    test.each(['echo', 'good__echo'])(
      'a tool that is hidden as %s is neither listed nor called',
      async (name) => {
        const agent = await agentUnder(era, { default: 'allow', hide: [name] }, ['good', 'session'])
        expect(await agent.tools()).toEqual(['auth_login', 'auth_logout', 'auth_whoami'])
        const before = world.good.executions()
        expect(await agent.call('good__echo', { text: 'x' })).toMatchObject({ isError: true, code: 'hidden' })
        expect(world.good.executions()).toBe(before)
      },
    )

    test('what the default denies is neither listed nor called; rules may use either name', async () => {
      for (const name of ['echo', 'good__echo']) {
        const agent = await agentUnder(era, { default: 'deny', tools: { [name]: {} } }, ['good'])
        expect(await agent.tools()).toEqual(['good__echo'])
        expect((await agent.call('good__echo', { text: 'hi' })).text).toBe('hi')
      }
      const none = await agentUnder(era, { default: 'deny' }, ['good'])
      expect(await none.tools()).toEqual([])
      expect(await none.call('good__echo', {})).toMatchObject({ isError: true, code: 'default_deny' })
    })

    test('a rule on an argument', async () => {
      const deny_if = [{ conditions: [{ path: 'args.text', op: 'eq', value: 'bad' }] }]
      const agent = await agentUnder(era, { default: 'allow', tools: { good__echo: { deny_if } } }, ['good'])
      expect(await agent.call('good__echo', { text: 'bad' })).toMatchObject({ isError: true, code: 'denied' })
      expect((await agent.call('good__echo', { text: 'fine' })).text).toBe('fine')
    })

    test('a limit: what it leaves is said, and at its end so is when to come back', async () => {
      const limits = [{ counter: 'calls', window: 'day', max: 2 }]
      const agent = await agentUnder(era, { default: 'allow', tools: { good__echo: { limits } } }, ['good'])
      const first = await agent.call('good__echo', { text: '1' })
      expect(first.headers.get('ratelimit')).toMatch(/r=1/)
      await agent.call('good__echo', { text: '2' })
      const before = world.good.executions()
      const limited = await agent.call('good__echo', { text: '3' })
      expect(limited).toMatchObject({ isError: true, code: 'rate_limited' })
      expect(limited.headers.get('retry-after')).toMatch(/^\d+$/)
      expect(world.good.executions()).toBe(before)
    })
  })

  test('limits a session and an account, in the session era', async () => {
    const bySession = { limits: [{ counter: 'calls', window: 'day', max: 1, scope: 'session' }] }
    const policy = { default: 'allow', tools: { good__echo: bySession } }
    await world.admin.putPolicy('sessions', { version: '1', ...policy })
    const token = await world.admin.putGrant('sessions', { policy: 'sessions', servers: ['good'] })
    const connect = (bearer: string) =>
      connectAgent('session', `${world.gateway.url}/mcp`, { authorization: `Bearer ${bearer}` })
    const [one, other] = await Promise.all([connect(token), connect(token)])
    expect((await one.call('good__echo', { text: 'a' })).isError).toBe(false)
    expect((await one.call('good__echo', { text: 'a' })).code).toBe('rate_limited')
    expect((await other.call('good__echo', { text: 'a' })).isError).toBe(false)

    const byAccount = { limits: [{ counter: 'calls', window: 'day', max: 1, scope: 'account' }] }
    await world.admin.putPolicy('accounts', {
      version: '1',
      default: 'allow',
      tools: { good__echo: byAccount },
    })
    const accounts = await world.admin.putGrant('accounts', {
      policy: 'accounts',
      servers: ['good', 'session'],
    })
    const outcomes: (string | null)[] = []
    for (const account_id of ['ana', 'ana', 'bob']) {
      const agent = await connect(accounts)
      await agent.call('auth_login', { provider: 'trusted', account_id })
      outcomes.push((await agent.call('good__echo', { text: account_id })).code)
    }
    expect(outcomes).toEqual([null, 'rate_limited', null])
  })

  test('in the stateless era, a session is named by its handle in _meta', async () => {
    const agent = await agentUnder(
      'stateless',
      {
        default: 'allow',
        tools: { good__echo: { require: [{ path: 'session.account', op: 'eq', value: 'ana' }] } },
      },
      ['good', 'session'],
    )
    const login = await agent.call('auth_login', { provider: 'trusted', account_id: 'ana' })
    const { session } = (login.answer?.result?.structuredContent ?? {}) as { session?: unknown }
    const call = async (meta: object) => {
      const { answer } = await agent.send('tools/call', {
        name: 'good__echo',
        arguments: { text: 'hi' },
        _meta: meta,
      })
      return answer?.result?.isError === true
    }
    expect(JSON.stringify(login.answer)).toContain('session')
    // Without a handle it is the grant's live session: sessions `auto`.
    expect(await call({})).toBe(false)
    expect([await call({ 'gatehouse/session': session }), typeof session]).toEqual([false, 'string'])
    expect(await call({ 'gatehouse/session': 'ses_of_nobody' })).toBe(true)
    expect(JSON.stringify(world.good.received('tools/call').at(-1)?.body)).not.toContain('gatehouse/session')
  })

  test.each(eras)('a change of the configuration holds for the next request, in the %s era', async (era) => {
    const unwell = await world.add(`changes-${era}`)
    const { server, name } = unwell
    const agent = await unwell.connect(era, 'all')
    const list = async () => (await agent.tools()).filter((tool) => tool.startsWith(name))
    const refused = async () => {
      const { answer } = await agent.send('tools/call', { name: `${name}__echo`, arguments: {} })
      return answer?.error?.message
    }
    expect(await list()).toEqual([`${name}__echo`])
    expect((await agent.callBad({ text: 'hi' })).text).toBe('hi')
    await world.admin.putServer(name, { url: server.url, enabled: false })
    expect([await list(), await refused()]).toEqual([[], `Unknown tool: ${name}__echo`])
    await world.admin.putServer(name, { url: server.url })
    expect((await agent.callBad({ text: 'again' })).text).toBe('again')
    await world.admin.putPolicy('open', { version: '1', default: 'deny' })
    expect((await agent.callBad({ text: 'denied' })).code).toBe('default_deny')
    await world.admin.putPolicy('open', { version: '1', default: 'allow' })
    await world.admin.deleteServer(name)
    expect([await list(), await refused()]).toEqual([[], `Unknown tool: ${name}__echo`])
    expect(server.executions()).toBe(2)
  })
})
