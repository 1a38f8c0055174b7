/** Tools that change behind the gateway's back, and what becomes of them at both endpoints. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServerDocument } from '../support/node/admin-api.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { echoTool, type ListedTool } from '../support/node/misbehaving.ts'
import { connectSessionEra, connectStatelessEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'
import {
  type Entrance,
  entrances,
  startUpstreamWorld,
  type Unwell,
  type UpstreamAgent,
  type UpstreamWorld,
} from '../support/node/upstream-world.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const louder: ListedTool = { ...echoTool, description: 'Says it louder.' }
const other: ListedTool = { ...echoTool, name: 'other' }

describe.skipIf(bareWorkerdMissing !== null).each(eras)(`in the %s era${missing}`, (era) => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  /** A server that has changed its tool after it was listed. */
  async function changed(
    name: string,
    entrance: Entrance,
    on_drift: NonNullable<ServerDocument['on_drift']>,
  ): Promise<Unwell & { agent: UpstreamAgent; list(): Promise<readonly ListedTool[]> }> {
    const unwell = await world.add(name, { on_drift })
    unwell.server.list({ tools: [echoTool, other] })
    const agent = await unwell.connect(era, entrance)
    const prefix = entrance === 'all' ? `${name}__` : ''
    const list = async () => {
      const { answer } = await agent.send('tools/list')
      const tools = (answer?.result?.tools ?? []) as ListedTool[]
      return tools
        .filter((tool) => tool.name.startsWith(prefix))
        .filter((tool) => !tool.name.startsWith('good__'))
        .map((tool) => ({ ...tool, name: tool.name.slice(prefix.length) }))
    }
    expect(await list()).toEqual([echoTool, other])
    unwell.server.list({ tools: [louder, other] })
    return { ...unwell, agent, list }
  }

  test.each(entrances)('hide: from the very list that shows the change (%s)', async (entrance) => {
    const { agent, list, server, name } = await changed(`hides-${entrance}`, entrance, 'hide')
    expect(await list()).toEqual([other])
    const tool = entrance === 'all' ? `${name}__echo` : 'echo'
    const { answer } = await agent.send('tools/call', { name: tool, arguments: {} })
    expect(answer?.error).toEqual({ code: -32_602, message: `Unknown tool: ${tool}` })
    expect(server.executions()).toBe(0)
    expect((await world.admin.status(name)).drift).toMatchObject([{ tool: 'echo', action: 'hide' }])
    await world.admin.accept(name, 'echo')
    expect(await list()).toEqual([louder, other])
    expect((await agent.callBad({ text: 'accepted' })).text).toBe('accepted')
  })

  test.each(entrances)('block: listed without its words, and not called (%s)', async (entrance) => {
    const { agent, list, server, name } = await changed(`blocks-${entrance}`, entrance, 'block')
    const [echo, ...others] = await list()
    expect(echo).toMatchObject({ name: 'echo', description: expect.stringMatching(/^Blocked/) })
    expect([JSON.stringify(echo).includes('louder'), others]).toEqual([false, [other]])
    expect(await agent.callBad({ text: 'x' })).toMatchObject({ isError: true, code: 'tool_changed' })
    expect(server.executions()).toBe(0)
    await world.admin.accept(name)
    expect(await list()).toEqual([louder, other])
    expect((await agent.callBad({ text: 'accepted' })).text).toBe('accepted')
  })

  test('report: listed as it is now, and said in the status', async () => {
    const { agent, list, name } = await changed('reports', 'all', 'report')
    expect(await list()).toEqual([louder, other])
    expect((await agent.callBad({ text: 'x' })).text).toBe('x')
    const { drift } = await world.admin.status(name)
    expect(drift).toMatchObject([
      {
        tool: 'echo',
        action: 'report',
        diff: [{ field: '/description', before: echoTool.description, after: louder.description }],
      },
    ])
  })

  test('a tool that changes back has not drifted', async () => {
    const { list, server, name } = await changed('changes-back', 'one', 'hide')
    expect(await list()).toEqual([other])
    server.list({ tools: [echoTool, other] })
    expect(await list()).toEqual([echoTool, other])
    expect((await world.admin.status(name)).drift).toEqual([])
  })

  test('once a change is accepted, what it was before is a change', async () => {
    const { list, server, name } = await changed('accepted', 'all', 'hide')
    expect(await list()).toEqual([other])
    await world.admin.accept(name)
    expect(await list()).toEqual([louder, other])
    server.list({ tools: [echoTool, other] })
    expect(await list()).toEqual([other])
  })

  test('a tool that goes away and comes back as another has drifted', async () => {
    const { list, server } = await changed('comes-back', 'one', 'hide')
    server.list({ tools: [other] })
    expect(await list()).toEqual([other])
    server.list({ tools: [louder, other] })
    expect(await list()).toEqual([other])
    // One that was never there is pinned as it is.
    server.list({ tools: [louder, other, { ...echoTool, name: 'new' }] })
    expect(await list()).toEqual([other, { ...echoTool, name: 'new' }])
  })

  test('a server that is registered again is pinned again, though its list is the same', async () => {
    const { list, server, name } = await changed('again', 'one', 'hide')
    expect(await list()).toEqual([other])
    // As in setting it up anew.
    for (const tools of [
      [echoTool, other],
      [louder, other],
    ]) {
      server.list({ tools })
      await world.admin.deleteServer(name)
      await world.admin.putServer(name, { url: server.url, on_drift: 'hide' })
      await world.admin.changeGrant(name, { policy: 'open', servers: ['good', name] })
      expect(await list()).toEqual(tools)
      expect(await world.admin.status(name)).toMatchObject({ tools: 2, drift: [] })
    }
    server.list({ tools: [echoTool, other] })
    expect(await list()).toEqual([other])
    expect((await world.admin.status(name)).drift).toMatchObject([{ tool: 'echo' }])
  })

  test('a list in pages is compared as a whole', async () => {
    const { list, server } = await changed('pages', 'one', 'hide')
    server.list({ tools: [other, louder], pageSize: 1 })
    expect(await list()).toEqual([other])
    // What a page says is seen at once, not only when the whole list is read anew.
    server.list({ tools: [{ ...other, description: 'Else.' }, louder], pageSize: 1 })
    expect(await list()).toEqual([])
    server.list({ tools: [other, louder], pageSize: 1 })
    expect(await list()).toEqual([other])
  })

  test('a list in pages that was empty for a while is compared all the same', async () => {
    const { list, server } = await changed('pages-empty', 'one', 'hide')
    server.list({ tools: [other, echoTool], pageSize: 1 })
    expect(await list()).toEqual([other])
    server.list({ tools: [], pageSize: 1 })
    expect(await list()).toEqual([])
    server.list({ tools: [louder, other], pageSize: 1 })
    expect(await list()).toEqual([])
  })

  test.each(entrances)(
    'an open stream is told, when it is withheld and when it is accepted (%s)',
    async (entrance) => {
      const unwell = await world.add(`told-${entrance}`, { on_drift: 'hide' })
      const { name, token, server } = unwell
      const url = `${world.gateway.url}${entrance === 'all' ? '/mcp' : `/mcp/${name}`}`
      const client = await (era === 'session' ? connectSessionEra : connectStatelessEra)(url, { token })
      const agent = await unwell.connect(era, 'one')
      await agent.tools()
      // In the stateless era this server knows no subscriptions: then only the gateway's own endpoint has any.
      const canWatch = era === 'session' || entrance === 'all'
      const stop = canWatch ? await client.watch({ tools: true }) : null
      const told = () =>
        client.notifications.filter(({ method }) => /tools\/list_changed$/.test(method)).length
      server.list({ tools: [louder] })
      expect(await agent.tools()).toEqual([])
      if (stop === null) return client.close()
      await until('it is told', () => told() > 0, BOUND_MS)
      const before = told()
      await world.admin.accept(name)
      await until('it is told again', () => told() > before, BOUND_MS)
      expect(await client.toolNames()).toContain(entrance === 'all' ? `${name}__echo` : 'echo')
      await stop()
      await client.close()
    },
  )
})
