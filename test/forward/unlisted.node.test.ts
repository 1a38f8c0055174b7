/** Tools that nobody listed, on a server that takes names as file systems of old do: in any case, with blanks around. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AdminApi } from '../support/node/admin-api.ts'
import { adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const entrances = ['/mcp', '/mcp/rec'] as const

interface Lax extends ScriptedServer {
  /** What `tools/list` answers from now on; null: nothing at all. */
  tools: readonly string[] | null
  /** Names that it was called by. */
  called(): readonly string[]
}

/** Whatever it is called by, it carries out. */
async function startLax(era: Era, tools: readonly string[]): Promise<Lax> {
  const lax = { tools: tools as readonly string[] | null }
  const server = await startScripted(era, ({ body }, response) => {
    if (body?.method !== 'tools/list') return false
    if (lax.tools === null) return true
    const listed = lax.tools.map((name) => ({ name, inputSchema: { type: 'object' } }))
    const complete = era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
    const result = { tools: listed, ...complete }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
    return true
  })
  const called = () => server.received('tools/call').map(({ body }) => String(body?.params?.name))
  return Object.assign(lax, { ...server, called })
}

describe.skipIf(bareWorkerdMissing !== null)(`a tool that is in no list${missing}`, () => {
  let gateway: BareGateway
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(() => gateway.stop())

  let tenants = 0
  /** A tenant of its own, with such a server as `rec`. */
  async function world(
    {
      era = 'session' as Era,
      tools = ['drop', 'my tool'] as readonly string[],
      scan = true,
      policy = {},
      timeouts = {},
    } = {},
    work: (
      server: Lax,
      connect: (era: Era, path: string) => Promise<McpAgent>,
      admin: AdminApi,
    ) => Promise<void>,
  ): Promise<void> {
    tenants += 1
    const server = await startLax(era, tools)
    try {
      const admin = adminApi(gateway.url, `unlisted-${tenants}`)
      await admin.putTenant({ identity: { trusted: true } })
      await admin.putServer('rec', { url: server.url, timeouts })
      if (scan) await admin.scan('rec')
      await admin.putPolicy('main', { version: '1', default: 'allow', ...policy })
      const token = await admin.putGrant('bot', { policy: 'main', servers: ['rec'] })
      const connect = (as: Era, path: string) =>
        connectAgent(as, `${gateway.url}${path}`, { authorization: `Bearer ${token}` })
      await work(server, connect, admin)
    } finally {
      await server.stop()
    }
  }

  const exposed = (path: string, name: string) => (path === '/mcp' ? `rec__${name}` : name)
  const call = (agent: McpAgent, name: string) => agent.send('tools/call', { name, arguments: {} })

  describe.each(eras)('of a server of the %s era', (era) => {
    test.each(entrances.flatMap((path) => eras.map((as) => [path, as] as const)))(
      'is unknown at %s, to a client of the %s era, whatever the server would take it for',
      async (path, as) => {
        await world({ era, policy: { hide: ['rec__drop'] } }, async (server, connect) => {
          const agent = await connect(as, path)
          const unlisted = [
            'DROP',
            'Drop',
            'drop ',
            ' drop',
            'drop\t',
            'dr\u200bop',
            'drоp',
            'ｄｒｏｐ',
            'drop\u0000',
            'rec__drop',
            'my_tool',
          ]
          for (const name of unlisted) {
            const { answer } = await call(agent, exposed(path, name))
            expect([name, answer?.error?.code]).toEqual([name, -32_602])
            expect(answer?.error?.message).toBe(`Unknown tool: ${exposed(path, name)}`)
          }
          expect((await agent.call(exposed(path, 'drop'), {})).code).toBe('hidden')
          expect(server.called()).toEqual([])
          // The bound: one list a name until it is used up, and then none.
          expect(server.received('tools/list').length).toBeLessThanOrEqual(unlisted.length + 1)
        })
      },
    )

    test.each(entrances)('but was added a moment ago is called at %s', async (path) => {
      await world({ era }, async (server, connect) => {
        const agent = await connect(era, path)
        const before = server.received('tools/list').length
        for (const name of ['added', 'added_too']) {
          server.tools = [...(server.tools ?? []), name]
          expect((await agent.call(exposed(path, name), {})).text).toBe('echo')
          expect((await agent.call(exposed(path, name), {})).text).toBe('echo')
        }
        expect(server.called()).toEqual(['added', 'added', 'added_too', 'added_too'])
        expect(server.received('tools/list')).toHaveLength(before + 2)
      })
    })
  })

  test('is unknown once the server has taken it from its list', async () => {
    await world({}, async (server, connect) => {
      const agent = await connect('session', '/mcp')
      expect((await agent.call('rec__drop', {})).text).toBe('echo')
      server.tools = ['other']
      await agent.tools()
      expect((await call(agent, 'rec__drop')).answer?.error?.message).toBe('Unknown tool: rec__drop')
      expect(server.called()).toEqual(['drop'])
    })
  })

  test('is found by the name that it is exposed by, if that is another', async () => {
    await world({ tools: ['drop'] }, async (server, connect) => {
      const long = `long.${'x'.repeat(90)}`
      const agent = await connect('session', '/mcp')
      server.tools = ['drop', long]
      const { expose } = await import('../../src/names/tools.ts')
      expect((await agent.call(expose('rec', long), {})).text).toBe('echo')
      expect(server.called()).toEqual([long])
    })
  })

  test.each(entrances)(
    'of a server that never listed: it is listed once, at the first call at %s',
    async (path) => {
      await world({ scan: false }, async (server, connect) => {
        const agent = await connect('session', path)
        const calls = Array.from({ length: 5 }, () => agent.call(exposed(path, 'drop'), {}))
        for (const { text } of await Promise.all(calls)) expect(text).toBe('echo')
        expect(server.received('tools/list')).toHaveLength(1)
        expect((await call(agent, exposed(path, 'DROP'))).answer?.error?.code).toBe(-32_602)
        expect(server.called()).toEqual(Array.from({ length: 5 }, () => 'drop'))
      })
    },
  )

  test('of a server that does not list when it is asked is not called, and the answer says why', async () => {
    await world({}, async (server, connect) => {
      const agent = await connect('session', '/mcp')
      server.tools = null
      const slow = await agent.call('rec__DROP', {})
      expect([slow.isError, slow.code]).toEqual([true, 'upstream_timeout'])
      expect(slow.text).toMatch(/not known whether it has this tool. The call was not carried out/)
      expect(slow.ms).toBeLessThan(25_000)
      // What it is known to list is called all the same.
      expect((await agent.call('rec__drop', {})).text).toBe('echo')
      expect(server.called()).toEqual(['drop'])
    })
  })

  test('the time that a server has to list is its own', async () => {
    await world({ timeouts: { list_seconds: 7 } }, async (server, connect) => {
      const agent = await connect('session', '/mcp')
      server.tools = null
      const slow = await agent.call('rec__DROP', {})
      expect([slow.isError, slow.code]).toEqual([true, 'upstream_timeout'])
      // Longer than where nothing is said: that it is long enough tells no slow machine from a quick one.
      expect(slow.ms).toBeGreaterThan(6_900)
      expect(slow.ms).toBeLessThan(25_000)
    })
  })

  test('a flood of such names is no flood of lists', async () => {
    await world({}, async (server, connect, admin) => {
      const agents = await Promise.all([connect('session', '/mcp'), connect('stateless', '/mcp/rec')])
      const before = server.received('tools/list').length
      const names = Array.from({ length: 100 }, (_, i) => `nothing_${i}`)
      const answers = await Promise.all(
        names.flatMap((name) => [call(agents[0], `rec__${name}`), call(agents[1], name)]),
      )
      for (const { status, answer } of answers) {
        expect(status).toBe(200)
        expect(answer?.error?.message).toMatch(/^Unknown tool/)
      }
      expect(server.received('tools/list').length - before).toBeLessThanOrEqual(12)
      expect(server.called()).toEqual([])
      expect((await agents[0].call('rec__drop', {})).text).toBe('echo')
      expect((await admin.status('rec')).drift).toEqual([])
    })
  })
})
