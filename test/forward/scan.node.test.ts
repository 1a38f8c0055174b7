/** A server is asked for its tools when it is registered, and whenever its operator wants. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { echoTool, manyTools, startMisbehaving } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const kinds = [
  { name: 'both', eras: { session: true, stateless: true }, version: '2026-07-28' },
  { name: 'session', eras: { session: true, stateless: false }, version: '2025-11-25' },
  { name: 'stateless', eras: { session: false, stateless: true }, version: '2026-07-28' },
] as const

describe.skipIf(bareWorkerdMissing !== null)(`a scan${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  test.each(kinds)('finds out eras and tools of a server of this kind: $name', async (kind) => {
    const { name, server } = await world.add(`scanned-${kind.name}`, {}, { eras: kind.eras })
    server.list({ tools: manyTools(25), pageSize: 10 })
    const status = await world.admin.scan(name)
    expect(status).toMatchObject({
      scan: { ok: true, tools: 25 },
      eras: kind.eras,
      protocol_version: kind.version,
      server_info: { name: 'misbehaving', version: '1.0.0' },
      tools: 25,
      drift: [],
    })
    expect(server.received('tools/list')).toHaveLength(3)
    await until('its session is ended', () => server.sessions().length === 0, BOUND_MS)
    // An era that is known to be missing is not asked for again; what the server declares is heard anew.
    await world.admin.scan(name)
    expect(server.received('server/discover')).toHaveLength(kind.eras.stateless ? 2 : 1)
  })

  test('compares with the pins', async () => {
    const { name, server } = await world.add('scanned-twice', { on_drift: 'hide' })
    await world.admin.scan(name)
    server.list({ tools: [{ ...echoTool, description: 'Says it louder.' }] })
    expect((await world.admin.scan(name)).drift).toMatchObject([{ tool: 'echo' }])
  })

  test.each([
    ['is down', null, /could not be reached/],
    ['is ill', { kind: 'html', status: 502 }, /HTTP 502/],
    ['refuses', { kind: 'unauthorized' }, /credentials/],
    ['lists nothing', { kind: 'rpc_error' }, /refused to list/],
  ] as const)('of a server that %s says so', async (what, behaviour, says) => {
    const { name, server } = await world.add(`scanned-${what.replaceAll(' ', '-')}`)
    if (behaviour === null) await server.down()
    else server.behave(behaviour.kind === 'rpc_error' ? { 'tools/list': behaviour } : () => behaviour)
    const { scan } = await world.admin.scan(name)
    expect(scan).toMatchObject({ ok: false, problem: expect.stringMatching(says) })
    expect(scan.problem).toMatch(
      /so its tools were not listed\..* then scan it again: gatehouse server scan /,
    )
    // Whoever looks later reads the same.
    expect((await world.admin.status(name)).last_scan).toMatchObject({ ok: false, problem: scan.problem })
  })

  test('that is over is in the status, until the server moves or is replaced unseen', async () => {
    const { name, server } = await world.add('remembered')
    const lastScan = async () => (await world.admin.status(name)).last_scan
    expect(await lastScan()).toBeNull()
    await server.down()
    await world.admin.scan(name)
    expect(await lastScan()).toMatchObject({ ok: false })
    // Replaced while nothing is known of it: it is asked again, behind the answer.
    await world.admin.putServer(name, { url: server.url, on_drift: 'block' }, { scan: true })
    await until('the scan is over', async () => (await lastScan()) !== null, BOUND_MS)
    expect(await lastScan()).toMatchObject({ ok: false })
    const next = await startMisbehaving({ eras: { session: true, stateless: false } })
    try {
      await world.admin.putServer(name, { url: next.url }, { scan: true })
      await until('where it is now is asked', async () => (await lastScan())?.ok === true, BOUND_MS)
      const asked = next.received('initialize').length
      // Its tools are known, so that it need not be asked again.
      await world.admin.putServer(name, { url: next.url, on_drift: 'hide' }, { scan: true })
      expect(await lastScan()).toMatchObject({ ok: true, problem: null })
      expect(next.received('initialize')).toHaveLength(asked)
    } finally {
      await next.stop()
    }
  })

  test('of a server that forbids says what it says, to the administrator and nobody else', async () => {
    const { name, server, connect } = await world.add('forbids')
    const text = 'Access is only allowed at localhost:8931'
    server.behave(() => ({ kind: 'raw', status: 403, type: 'text/plain', text }))
    const { scan } = await world.admin.scan(name)
    expect(scan).toMatchObject({ ok: false, problem: expect.stringContaining(`It says: ${text}`) })
    expect(scan.problem).not.toMatch(/credentials/)
    const agent = await connect('stateless', 'all')
    const called = await agent.callBad({ text: 'a private word' })
    expect([called.isError, called.code, JSON.stringify(called.messages).includes('localhost:8931')]).toEqual(
      [true, 'upstream_refused', false],
    )
    expect(JSON.stringify((await agent.send('tools/list')).messages)).not.toContain('localhost:8931')
    const failure = async () => (await world.admin.status(name)).last_failure?.message ?? ''
    await until('the status says it', async () => (await failure()).includes(text), BOUND_MS)
    // What repeats the arguments of a call is kept nowhere.
    server.behave(({ rpc }) =>
      rpc === 'tools/call'
        ? { kind: 'raw', status: 403, type: 'text/plain', text: 'the firewall does not like: a private word' }
        : { kind: 'ok' },
    )
    expect((await agent.callBad({ text: 'a private word' })).code).toBe('upstream_refused')
    await until('it is withheld', async () => (await failure()).includes('withheld'), BOUND_MS)
    expect(await failure()).not.toContain('private word')
  })

  test('of a server that is not there is 404, of one that is not enabled 409', async () => {
    await expect(world.admin.scan('nobody')).rejects.toThrow('answered 404')
    const { name, server } = await world.add('not-enabled', { enabled: false })
    await expect(world.admin.scan(name)).rejects.toThrow('answered 409')
    expect(server.requests).toEqual([])
  })

  test('needs the root token', async () => {
    const response = await fetch(`${world.gateway.url}/api/v1/tenants/faulty/servers/good/scan`, {
      method: 'POST',
    })
    expect(response.status).toBe(401)
  })

  test('is made of a new server by itself, and with its credentials; of one that is changed it is not', async () => {
    const server = await startMisbehaving()
    try {
      const document = { url: server.url, headers: { 'x-api-key': 'k-123' } }
      await world.admin.putServer('by-itself', document, { scan: true })
      const tools = async () => (await world.admin.status('by-itself')).tools
      await until('its tools are pinned', async () => (await tools()) === 1, BOUND_MS)
      expect(server.requests.every(({ headers }) => headers['x-api-key'] === 'k-123')).toBe(true)
      const before = server.received('tools/list').length
      await world.admin.putServer('by-itself', { ...document, on_drift: 'hide' }, { scan: true })
      server.list({ tools: [{ ...echoTool, description: 'Says it louder.' }] })
      // Pinned at its registration, the change is seen by the first agent that lists.
      const token = await world.admin.putGrant('by-itself', { policy: 'open', servers: ['by-itself'] })
      const response = await fetch(`${world.gateway.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/list',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/list',
          params: {
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      })
      expect(await response.json()).toMatchObject({ result: { tools: [] } })
      expect(server.received('tools/list').length).toBe(before + 1)
    } finally {
      await server.stop()
    }
  })
})
