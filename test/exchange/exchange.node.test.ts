/**
 * A call that waits for its client's input, of a client of the stateless era at a server of the session era: who may go
 * on with it, how often, and what it costs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { nameOf, type Posted, startWorld, statelessRequest, type World } from '../support/node/eras-world.ts'
import { until } from '../support/node/until.ts'

let world: World

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} }
const atMost = (max: number) => ({
  version: '1',
  default: 'allow',
  all_tools: { limits: [{ counter: 'calls', window: 'hour', max, scope: 'grant' }] },
})
const name = (of: string) => ({ inputResponses: { question1: { action: 'accept', content: { name: of } } } })

describe.skipIf(bareWorkerdMissing !== null)(`an exchange${skipped}`, () => {
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())

  const call = (token: string, params: Readonly<Record<string, unknown>>, more = {}) =>
    world.post('session', token, {
      method: 'tools/call',
      params: { name: 'ask_name', arguments: {}, ...params },
      capabilities,
      ...more,
    })
  const stateIn = ({ result }: Posted) => String(result?.requestState)
  const textIn = ({ result }: Posted) => (result?.content as { text: string }[] | undefined)?.[0]?.text
  const begin = async (token: string) => {
    const asked = await call(token, {})
    expect(asked.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        question1: { method: 'elicitation/create', params: { message: 'What is your name?' } },
      },
    })
    return stateIn(asked)
  }
  const refused = { code: -32602, message: expect.stringContaining('params.requestState names no call') }

  test('goes on with the answer, to the final result', async () => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    const answered = await call(token, { ...name('Ana'), requestState })
    expect(answered.result).toMatchObject({ resultType: 'complete' })
    expect(textIn(answered)).toBe('Hello, Ana!')
  })

  test('goes on once', async () => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    const both = await Promise.all([
      call(token, { ...name('Ana'), requestState }),
      call(token, { ...name('Eve'), requestState }),
    ])
    expect(both.filter(({ error }) => error !== undefined)).toEqual([
      expect.objectContaining({ error: refused }),
    ])
    expect((await call(token, { ...name('Ana'), requestState })).error).toMatchObject(refused)
  })

  test('is none of anybody else', async () => {
    const [token, foreign] = [await world.grant('a'), await world.grant('b')]
    const requestState = await begin(token)
    expect((await call(foreign, { ...name('Eve'), requestState })).error).toMatchObject(refused)
    // And is none the worse for it.
    expect(textIn(await call(token, { ...name('Ana'), requestState }))).toBe('Hello, Ana!')
  })

  test('is of the login that began it', async () => {
    await world.admin.putTenant({ identity: { trusted: true } })
    const token = await world.admin.putGrant('in-and-out', {
      policy: 'open',
      servers: ['session', nameOf('session')],
    })
    const native = async (name: string, args: object = {}) => {
      const request = statelessRequest(token, { method: 'tools/call', params: { name, arguments: args } })
      const response = await fetch(`${world.gateway.url}/mcp`, request)
      expect((await response.json()) as Posted).toMatchObject({
        result: { structuredContent: expect.anything() },
      })
    }
    const login = (account: string) => native('auth_login', { provider: 'trusted', account_id: account })
    await login('ana')
    const requestState = await begin(token)
    await native('auth_logout')
    expect((await call(token, { ...name('Eve'), requestState })).error).toMatchObject(refused)
    await login('bea')
    expect((await call(token, { ...name('Bea'), requestState })).error).toMatchObject(refused)
    expect(textIn(await call(token, { ...name('Bea'), requestState: await begin(token) }))).toBe(
      'Hello, Bea!',
    )
  })

  test('is of the same call only: what the policy decided on was that', async () => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    const changed = { code: -32602, message: expect.stringContaining('belongs to a call with another') }
    const others = [
      { arguments: { more: true } },
      { name: 'test_elicitation', arguments: { message: 'hello' } },
      { name: 'echo', arguments: { text: 'hello' } },
    ]
    for (const other of others) {
      expect((await call(token, { ...name('Ana'), requestState, ...other })).error).toMatchObject(changed)
    }
    expect(textIn(await call(token, { ...name('Ana'), requestState }))).toBe('Hello, Ana!')
  })

  test.each([
    ['another secret', (state: string) => `${state.slice(0, -6)}AAAAAA`],
    ['another object', (state: string) => state.replace(/\.[0-9a-f]{8}/, '.00000000')],
    ['a piece', (state: string) => state.slice(0, -1)],
    ['more', (state: string) => `${state}.0`],
    ['nothing of it', () => 'gatehouse1.'],
    ['something else', () => 'eyJzdGVwIjoxfQ'],
  ])('is not found by a state with %s', async (_, spoil) => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    expect((await call(token, { ...name('Eve'), requestState: spoil(requestState) })).error).toMatchObject(
      refused,
    )
    expect(textIn(await call(token, { ...name('Ana'), requestState }))).toBe('Hello, Ana!')
  })

  test('asks again for what was left open', async () => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    const again = await call(token, { requestState, inputResponses: { question2: {}, question1: 'Ana' } })
    expect(again.result).toMatchObject({ resultType: 'input_required', inputRequests: { question1: {} } })
    expect(stateIn(again)).not.toBe(requestState)
    expect(textIn(await call(token, { ...name('Ana'), requestState: stateIn(again) }))).toBe('Hello, Ana!')
  })

  test('is charged once', async () => {
    await world.admin.putPolicy('twice', atMost(2))
    const token = await world.grant('a', 'twice')
    for (const who of ['Ana', 'Bea']) {
      const requestState = await begin(token)
      expect(textIn(await call(token, { ...name(who), requestState }))).toBe(`Hello, ${who}!`)
    }
    const third = await call(token, {})
    expect(textIn(third)).toContain('Rate limited')
  })

  test('pays for nothing else: a forged state brings no call to any server', async () => {
    await world.admin.putPolicy('never', atMost(1))
    const token = await world.grant('a', 'never')
    for (const upstream of ['session', 'stateless'] as const) {
      const before = world.servers[upstream].requests.length
      const forged = await world.post(upstream, token, {
        method: 'tools/call',
        params: {
          name: 'echo',
          arguments: { text: 'x' },
          requestState: `gatehouse1.${'0'.repeat(64)}.${'A'.repeat(32)}`,
        },
        capabilities,
      })
      expect(forged.error).toMatchObject(refused)
      const calls = world.servers[upstream].requests.slice(before)
      expect(
        calls.filter(({ headers, body }) => JSON.stringify([headers, body]).includes('tools/call')),
      ).toEqual([])
    }
  })

  test('ends where the policy has changed its mind', async () => {
    await world.admin.putPolicy('fickle', { version: '1', default: 'allow' })
    const token = await world.grant('a', 'fickle')
    const requestState = await begin(token)
    await world.admin.putPolicy('fickle', { version: '1', default: 'deny' })
    const denied = await call(token, { ...name('Ana'), requestState })
    expect(denied.result).toMatchObject({ isError: true })
    expect(textIn(denied)).toContain('policy rule')
  })

  test('works for what is behind one URL with others', async () => {
    const agent = await world.connect('stateless', 'all', {
      elicit: () => ({ action: 'accept', content: { name: 'Ana' } }),
    })
    expect((await agent.callTool(`${nameOf('session')}__ask_name`)).text).toBe('Hello, Ana!')
    const old = await world.connect('session', 'all', {
      elicit: () => ({ action: 'accept', content: { name: 'Bea' } }),
    })
    expect((await old.callTool(`${nameOf('stateless')}__ask_name`)).text).toBe('Hello, Bea!')
    expect((await old.callTool(`${nameOf('session')}__ask_name`)).text).toBe('Hello, Bea!')
  })

  test.each([
    ['that may be asked', capabilities],
    ['that may not', {}],
  ])('a call that is not waited for is cancelled at its server, of a client %s', async (_, capabilities) => {
    const token = await world.grant('a')
    const before = world.servers.session.world.cancellations
    const abort = new AbortController()
    const request = statelessRequest(token, {
      method: 'tools/call',
      params: { name: 'slow_progress', arguments: { steps: 100, wait_ms: 100 } },
      capabilities,
      meta: { progressToken: 'p' },
    })
    const response = await fetch(`${world.gateway.url}/mcp/${nameOf('session')}`, {
      ...request,
      signal: abort.signal,
    })
    await response.body?.getReader().read()
    abort.abort()
    await until('it is cancelled', () => world.servers.session.world.cancellations > before, 10_000)
  })

  test('that is lost is told so', async () => {
    const token = await world.grant('a')
    const requestState = await begin(token)
    await world.gateway.kill9()
    await world.gateway.start()
    expect((await call(token, { ...name('Ana'), requestState })).error).toMatchObject(refused)
    expect(textIn(await call(token, { ...name('Ana'), requestState: await begin(token) }))).toBe(
      'Hello, Ana!',
    )
  })
})
