/**
 * Real clients of both eras on one connection: they log in, call, log out, idle out and log in again, without being restarted;
 * and no two accounts meet in one session with a server.
 */
import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi, type GrantDocument } from '../../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../../support/node/bare-workerd.ts'
import { connectAgent, type Era } from '../../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted } from '../../support/node/scripted.ts'
import type { SdkClient } from '../../support/node/sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from '../../support/node/sdk-clients.ts'
import { until } from '../../support/node/until.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const clients = { 'the SDK of the session era': connectSessionEra, 'its successor': connectStatelessEra }

/** One tool as any has it, and one with arguments of the gateway's names. */
const tools = [
  {
    name: 'echo',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, additionalProperties: false },
  },
  {
    name: 'own',
    inputSchema: { type: 'object', properties: { session: { type: 'string' }, gatehouse_session: {} } },
  },
]

/** Waits for what is on its way. */
const happens = (condition: () => boolean) => until('what is on its way', condition, 10_000)

describe.skipIf(bareWorkerdMissing !== null)(`connections and logins${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let hasty: AdminApi
  let server: ScriptedServer
  let grants = 0
  const streams = new Map<string, ServerResponse>()
  const open: { close(): Promise<void> }[] = []

  beforeAll(async () => {
    server = await startScripted('session', ({ http, headers, body }, response) => {
      const session = String(headers['mcp-session-id'])
      if (http === 'DELETE') streams.get(session)?.end()
      if (http === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n')
        streams.set(session, response)
        return true
      }
      if (body?.method !== 'tools/list') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result: { tools } }))
      return true
    })
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    admin = adminApi(gateway.url, 'held')
    await admin.putTenant({ identity: { trusted: true } })
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    await admin.putServer('crm', { url: server.url, era: 'session' })
    // So short that a test can wait for it, and so a tenant of its own.
    hasty = adminApi(gateway.url, 'hasty')
    await hasty.putTenant({ identity: { trusted: true }, sessions: { idle_seconds: 2 } })
    await hasty.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterEach(async () => {
    for (const client of open.splice(0)) await client.close().catch(() => {})
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  const grant = (document: GrantDocument = {}) => {
    grants += 1
    return admin.putGrant(`g${grants}`, { policy: 'open', ...document })
  }
  const login = (client: SdkClient, account: string, more: object = {}) =>
    client.callTool('auth_login', { provider: 'trusted', account_id: account, ...more })
  const account = async (client: SdkClient) => (await client.callTool('auth_whoami')).structured.account
  /** The session with the server in which the client's last call came. */
  const lastSession = () => server.received('tools/call').at(-1)?.headers['mcp-session-id']
  const lastArguments = () => server.received('tools/call').at(-1)?.body?.params?.arguments

  describe.each(Object.entries(clients))('%s', (_, connect) => {
    test('logs out and in again on its connection, and each account has a session of its own at a server', async () => {
      const client = await connect(`${gateway.url}/mcp`, { token: await grant() })
      open.push(client)
      const seen: unknown[] = []
      for (const name of ['ana', 'bea', 'ana']) {
        expect((await login(client, name)).structured).toMatchObject({ account: name, ended: null })
        expect(await account(client)).toBe(name)
        await client.callTool('crm__echo', { text: name })
        await client.callTool('crm__echo', { text: name })
        seen.push(lastSession())
        expect((await client.callTool('auth_logout')).structured).toMatchObject({ ended: true })
        expect(await account(client)).toBeNull()
        expect((await client.callTool('crm__echo')).isError).toBe(false)
        expect(seen).not.toContain(lastSession())
      }
      expect(new Set(seen).size).toBe(3)
    })

    test('that was idle for too long goes on without an account, and logs in again', async () => {
      grants += 1
      const token = await hasty.putGrant(`g${grants}`, { policy: 'open' })
      const client = await connect(`${gateway.url}/mcp`, { token })
      open.push(client)
      const first = (await login(client, 'ana')).structured
      // Each request keeps the login alive, one that the client's connection makes by itself, too.
      const idleMs = Date.parse(String(first.idle_expires_at)) - Date.now()
      const ends = async () => {
        await wait(idleMs)
        return (await account(client)) === null
      }
      await until('the login ends', ends, 10_000)
      const again = (await login(client, 'bea')).structured
      expect(again).toMatchObject({ account: 'bea', ended: null })
      expect(again.session).not.toBe(first.session)
    })
  })

  test('an event stream outlives the login, and hears the sessions of the next one alone', async () => {
    for (const path of ['/mcp', '/mcp/crm']) {
      const token = await grant()
      const client = await connectSessionEra(`${gateway.url}${path}`, { token })
      const manager = await connectSessionEra(`${gateway.url}/mcp`, { token })
      open.push(client, manager)
      const transport = client.sessionId
      const call = () => client.callTool(path === '/mcp' ? 'crm__echo' : 'echo')
      await call()
      const before = String(lastSession())
      await happens(() => streams.has(before))
      streams.get(before)?.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')
      await happens(() => client.notifications.length === 1)
      if (path === '/mcp/crm') continue
      await login(client, 'ana')
      await call()
      // What was opened before anybody had logged in is the first login's.
      expect(lastSession()).toBe(before)
      await client.callTool('auth_logout')
      await call()
      const after = String(lastSession())
      expect(after).not.toBe(before)
      await happens(() => streams.has(after))
      streams.get(after)?.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')
      await happens(() => client.notifications.length === 2)
      expect(client.sessionId).toBe(transport)
    }
  })

  test.each(['auto', 'one'] as const)(
    'a handle among the arguments is obeyed, and no server sees it, though none is listed: %s',
    async (sessions) => {
      const token = await grant({ sessions })
      const [one, two] = [
        await connectSessionEra(`${gateway.url}/mcp`, { token }),
        await connectSessionEra(`${gateway.url}/mcp`, { token }),
      ]
      open.push(one, two)
      const session = (await login(one, 'ana')).structured.session
      const named = { text: 'x', session }
      for (const client of [one, two]) expect((await client.callTool('crm__echo', named)).isError).toBe(false)
      expect(lastArguments()).toEqual({ text: 'x' })
      // The tool's own is the tool's.
      await two.callTool('crm__own', { session: 's', gatehouse_session_2: session })
      expect(lastArguments()).toEqual({ session: 's' })
      await two.callTool('crm__echo', { text: 'x', session: 'mine' })
      expect(lastArguments()).toEqual({ text: 'x', session: 'mine' })
      await two.callTool('auth_logout', { session })
      const calls = server.received('tools/call').length
      expect((await two.callTool('crm__echo', named)).isError).toBe(true)
      expect(server.received('tools/call')).toHaveLength(calls)
    },
  )

  describe('where every call names its session', () => {
    const eras: readonly Era[] = ['session', 'stateless']
    test.each(eras)(
      'every listed tool has an argument for it, and no server sees it: %s era',
      async (era) => {
        await admin.putPolicy('blind', {
          version: '1',
          default: 'allow',
          all_tools: {
            deny_if: [{ conditions: [{ path: 'args.gatehouse_session_2', op: 'exists', value: true }] }],
          },
          tools: {
            crm__echo: { deny_if: [{ conditions: [{ path: 'args.session', op: 'exists', value: true }] }] },
          },
        })
        const token = await grant({ sessions: 'many', policy: 'blind' })
        const agent = await connectAgent(era, `${gateway.url}/mcp`, { authorization: `Bearer ${token}` })
        const single = await connectAgent(era, `${gateway.url}/mcp/crm`, { authorization: `Bearer ${token}` })
        const call = async (it: typeof agent, name: string, args: object) => {
          const { answer } = await it.send('tools/call', { name, arguments: args })
          return answer?.result as { isError?: boolean; structuredContent?: Record<string, unknown> }
        }
        const named = async (it: typeof agent) => {
          const { answer } = await it.send('tools/list')
          const listed = answer?.result?.tools as { name: string; inputSchema: { properties: object } }[]
          return Object.fromEntries(
            listed.map(({ name, inputSchema }) => [name, Object.keys(inputSchema.properties)]),
          )
        }
        const all = await named(agent)
        expect(all).toMatchObject({
          crm__echo: ['text', 'session'],
          crm__own: ['session', 'gatehouse_session', 'gatehouse_session_2'],
        })
        for (const names of Object.values(all)) expect(names.some((name) => /session/.test(name))).toBe(true)
        expect(await named(single)).toMatchObject({ echo: ['text', 'session'] })

        const loggedIn = async (name: string) =>
          (await call(agent, 'auth_login', { provider: 'trusted', account_id: name })).structuredContent
            ?.session as string
        const [ana, bea] = [await loggedIn('ana'), await loggedIn('bea')]
        const seen = new Set<unknown>()
        for (const [it, name] of [
          [agent, 'crm__echo'],
          [single, 'echo'],
        ] as const)
          for (const session of [ana, bea, undefined]) {
            const args = { text: 'x', ...(session === undefined ? {} : { session }) }
            expect((await call(it, name, args)).isError ?? false).toBe(false)
            expect(lastArguments()).toEqual({ text: 'x' })
            seen.add(lastSession())
          }
        // In the session era a connection has sessions of its own; in the stateless era those of a login are one.
        expect(seen.size).toBe(era === 'session' ? 6 : 3)
        await call(agent, 'crm__own', { session: 's', gatehouse_session: 1, gatehouse_session_2: ana })
        expect(lastArguments()).toEqual({ session: 's', gatehouse_session: 1 })
        expect(seen).toContain(lastSession())
        const calls = server.received('tools/call').length
        expect(await call(agent, 'crm__echo', { text: 'x', session: 'ses_none' })).toMatchObject({
          isError: true,
        })
        expect(server.received('tools/call')).toHaveLength(calls)
      },
    )
  })
})
