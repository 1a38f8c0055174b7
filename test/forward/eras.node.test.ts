/** Which eras a server speaks is learned from clear signs only: what it has against one client is no word about others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import type { Behaviour, ReceivedRequest } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { entrances, startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const sessionOnly = { eras: { session: true, stateless: false } }
const statelessOnly = { eras: { session: false, stateless: true } }
const ok: Behaviour = { kind: 'ok' }

interface InitializeParams {
  readonly protocolVersion?: string
  readonly capabilities?: Readonly<Record<string, unknown>>
}
const initialized = (protocolVersion: string) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: '$ID',
    result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } },
  }).replace('"$ID"', '$ID')
const paramsOf = ({ body }: ReceivedRequest) => (body as { params?: InitializeParams } | null)?.params ?? {}

describe.skipIf(bareWorkerdMissing !== null)(`the eras of a server${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  async function initialize(name: string, token: string, params: InitializeParams) {
    const response = await fetch(`${world.gateway.url}/mcp/${name}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'mine',
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'odd', version: '1' },
          ...params,
        },
      }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  const refusals: readonly Behaviour[] = [
    { kind: 'error', status: 200, code: -32_602, message: 'Unsupported protocol version' },
    { kind: 'error', status: 400, code: -32_602, message: 'Unsupported protocol version' },
    { kind: 'error', status: 200, code: -32_022, message: 'No', data: { supported: ['2025-11-25'] } },
  ]
  test.each(refusals)("stay what they are when one client's initialize is refused: %j", async (refusal) => {
    const { status, code } = refusal as { status: number; code: number }
    const { name, token, server, connect } = await world.add(`strict-${status}${code}`, {}, sessionOnly)
    server.behave((request) => {
      const { protocolVersion, capabilities } = paramsOf(request)
      const isOdd = protocolVersion === '1.0.0' || capabilities?.experimental !== undefined
      return request.rpc === 'initialize' && isOdd ? refusal : ok
    })
    // Before anything is known of it, and afterwards.
    for (const params of [{ protocolVersion: '1.0.0' }, { capabilities: { experimental: { odd: {} } } }]) {
      const refused = await initialize(name, token, params)
      expect(refused).toMatchObject({ status: 200, body: { id: 'mine', error: { code } } })
      for (const era of eras) {
        for (const entrance of entrances) {
          const agent = await connect(era, entrance)
          expect(await agent.callBad({ text: 'hi' })).toMatchObject({ isError: false, text: 'hi' })
        }
      }
      expect((await world.admin.status(name)).eras.session).toBe(true)
    }
  })

  test.each(['2031-01-01', '1.0.0', '2026-07-28', ''])(
    'a session in a revision that nobody knows is not begun, and ended: %j',
    async (version) => {
      const name = `chooses-${version.replaceAll('.', '-') || 'nothing'}`
      const { token, server, connect } = await world.add(name, {}, sessionOnly)
      server.behave((request) =>
        request.rpc === 'initialize' ? { kind: 'raw', text: initialized(version) } : ok,
      )
      const said = `answered initialize with the revision ${JSON.stringify(version)}`
      const refused = await initialize(name, token, {})
      expect(refused).toMatchObject({ status: 200, body: { error: { code: -32_603 } } })
      expect(JSON.stringify(refused.body.error)).toContain(JSON.stringify(said).slice(1, -1))
      const agent = await connect('session', 'all')
      expect(await agent.tools()).toContain('good__echo')
      const called = await agent.callBad({ text: 'hi' })
      expect(called).toMatchObject({ isError: true, code: 'upstream_broken' })
      expect((await world.admin.scan(name)).scan).toMatchObject({
        ok: false,
        problem: expect.stringContaining(said),
      })
      await until('its sessions are ended', () => server.sessions().length === 0, BOUND_MS)
      expect(server.received('tools/list')).toEqual([])
    },
  )

  test.each<readonly [string, Behaviour]>([
    ['rpc', { kind: 'error', status: 200, code: -32_603, message: 'Internal error' }],
    ['page', { kind: 'html', status: 404 }],
    ['json', { kind: 'status', status: 500 }],
  ])('outlive a passing fault: %s', async (which, fault) => {
    for (const kind of [sessionOnly, statelessOnly, { eras: { session: true, stateless: true } }]) {
      const own = `${kind.eras.session ? 's' : ''}${kind.eras.stateless ? 't' : ''}`
      const { name, token, server, connect } = await world.add(`passing-${which}-${own}`, {}, kind)
      server.behave(() => fault)
      await initialize(name, token, {})
      await expect(world.admin.scan(name)).resolves.toMatchObject({ scan: { ok: false } })
      server.behave({})
      for (const era of eras) {
        const agent = await connect(era, 'all')
        expect(await agent.callBad({ text: era })).toMatchObject({ isError: false, text: era })
      }
      await until(
        'its status says so',
        async () => {
          const known = (await world.admin.status(name)).eras
          return kind.eras.session ? known.session === true : known.stateless === true
        },
        BOUND_MS,
      )
    }
  })

  test('of a server that seemed to speak neither are found out by a scan', async () => {
    const { name, token, server, connect } = await world.add('neither')
    server.behave(() => ({ kind: 'error', status: 200, code: -32_601, message: 'Method not found' }))
    await initialize(name, token, {})
    await until(
      'both are known not to be',
      async () => {
        const known = (await world.admin.status(name)).eras
        return known.session === false && known.stateless === false
      },
      BOUND_MS,
    )
    server.behave({})
    expect(await world.admin.scan(name)).toMatchObject({
      scan: { ok: true },
      eras: { session: true, stateless: true },
    })
    const agent = await connect('session', 'one')
    expect(await agent.callBad({ text: 'hi' })).toMatchObject({ isError: false })
  })

  test('a page for server/discover means the session era of a server that has sessions', async () => {
    const { name, server, connect } = await world.add('page-for-discover')
    server.behave({ 'server/discover': { kind: 'html', status: 404 } })
    const agent = await connect('stateless', 'one')
    expect(await agent.callBad({ text: 'hi' })).toMatchObject({ isError: false })
    await agent.callBad({ text: 'again' })
    expect(server.received('server/discover')).toHaveLength(1)
    expect((await world.admin.status(name)).eras).toEqual({ session: true, stateless: false })
  })

  test('a session that cannot be announced is closed', async () => {
    const { server, connect } = await world.add('not-announced', {}, sessionOnly)
    server.behave({ 'notifications/initialized': { kind: 'status', status: 500 } })
    const agent = await connect('session', 'all')
    expect(await agent.callBad({ text: 'hi' })).toMatchObject({ isError: true })
    expect(server.received('initialize')).toHaveLength(1)
    await until('it is closed', () => server.sessions().length === 0, BOUND_MS)
  })
})
