/** Subscriptions between the eras end where they began: nothing stays open at a server when its client has gone. */
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Served, serve } from '../conformance/reference/serve.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { startWorld, type World } from '../support/node/eras-world.ts'
import { until } from '../support/node/until.ts'

let world: World
let server: Served
let openStreams = 0
/** The resources of each subscription, in order. */
let asked: readonly string[][] = []
let touch: (uri: string) => void

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const LONG_MS = 20_000

describe.skipIf(bareWorkerdMissing !== null)(`a subscription${skipped}`, () => {
  beforeAll(async () => {
    world = await startWorld()
    const capabilities = { tools: {}, resources: { subscribe: true, listChanged: true } }
    const handler = createMcpHandler(
      () => new McpServer({ name: 'watched', version: '1' }, { capabilities }).server,
      {
        legacy: 'reject',
      },
    )
    touch = (uri) => handler.notify.resourceUpdated(uri)
    server = await serve(async (request) => {
      const text = await request.clone().text()
      if (text.includes('"subscriptions/listen"')) {
        const { notifications } = JSON.parse(text).params
        asked = [...asked, notifications.resourceSubscriptions ?? []]
        openStreams += 1
        request.signal.addEventListener('abort', () => {
          openStreams -= 1
        })
      }
      return handler.fetch(request)
    })
    await world.admin.putServer('watched', { url: `${server.origin}/mcp` })
  })
  afterAll(async () => {
    await world?.stop()
    await server?.stop()
  })

  test('of a session-era client at a server of the stateless era is one, whatever it watches', async () => {
    const token = await world.admin.putGrant('watching', { policy: 'open', servers: ['watched'] })
    const agent = await world.connectTo('session', 'watched', { token })
    await until('the stream is open', () => openStreams === 1, LONG_MS)
    const endings = [
      await agent.watch({ resources: ['a:1'] }),
      await agent.watch({ resources: ['a:2'] }),
      await agent.watch({ resources: ['a:3'] }),
    ]
    await endings[1]?.()
    await until('only the last stream is open', () => openStreams === 1, LONG_MS)
    const heard = () =>
      agent.notifications
        .filter(({ method }) => method === 'notifications/resources/updated')
        .map(({ params }) => params.uri)
    await until(
      'both are told',
      () => {
        for (const uri of ['a:1', 'a:2', 'a:3']) touch(uri)
        return new Set(heard()).size === 2
      },
      LONG_MS,
    )
    expect(new Set(heard())).toEqual(new Set(['a:1', 'a:3']))
    await agent.close()
    await until('nothing is open', () => openStreams === 0, LONG_MS)
  })

  test('asks for nothing that the policy has come to withhold when another resource is watched', async () => {
    const withholding = (rules: object) => ({
      version: '1',
      default: 'allow',
      resources: { 'watched+a:1': rules, '*': {} },
    })
    for (const [i, rules] of [{ hide: true }, { deny_if: [{ conditions: [] }] }].entries()) {
      await world.admin.putPolicy('withholding', withholding({}))
      const token = await world.admin.putGrant(`withholding-${i}`, {
        policy: 'withholding',
        servers: ['watched'],
      })
      const agent = await world.connectTo('session', 'watched', { token })
      await agent.watch({ resources: ['a:1', 'a:2'] })
      await until('both are asked for', () => asked.at(-1)?.length === 2, LONG_MS)
      await world.admin.putPolicy('withholding', withholding(rules))
      const before = asked.length
      const end = await agent.watch({ resources: ['a:3'] })
      expect(asked.slice(before)).toEqual([['a:2', 'a:3']])
      await end()
      expect(asked.slice(before + 1)).toEqual([['a:2']])
      await agent.close()
      await until('nothing is open', () => openStreams === 0, LONG_MS)
    }
  })

  test('of a stateless-era client at a server of the session era ends its session there', async () => {
    const { requests } = world.servers.session
    const agent = await world.connect('stateless', 'session')
    const before = requests.length
    const since = () =>
      requests.slice(before).map(({ method, body }) => (body as { method?: string } | null)?.method ?? method)
    const end = await agent.watch({ resources: ['test://watched-resource'] })
    await end()
    await until('the session is ended', () => since().includes('DELETE'), LONG_MS)
    expect(since()).toEqual(
      expect.arrayContaining(['initialize', 'GET', 'resources/subscribe', 'resources/unsubscribe', 'DELETE']),
    )
  })

  test('of a grant that is revoked is over', async () => {
    const token = await world.admin.putGrant('revoked', { policy: 'open', servers: ['watched'] })
    await world.connectTo('session', 'watched', { token })
    await until('the stream is open', () => openStreams === 1, LONG_MS)
    await world.admin.deleteGrant('revoked')
    await until('nothing is open', () => openStreams === 0, LONG_MS)
  })
})
