/** What servers say without being asked, and what is cancelled, where several of them are behind one URL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WATCHED_RESOURCE } from '../conformance/reference/world.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { type MergedWorld, type Name, names, startMergedWorld } from '../support/node/merged-world.ts'
import type { SdkClient } from '../support/node/sdk-client.ts'
import { until } from '../support/node/until.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null).each(eras)(`in the %s era${missing}`, (era) => {
  let world: MergedWorld
  beforeAll(async () => {
    world = await startMergedWorld(era)
  })
  afterAll(() => world?.stop())

  const heard = ({ notifications }: SdkClient, method: string) =>
    notifications.filter((it) => it.method === `notifications/${method}`)

  /** A session-era server speaks to a client only once there is a session with it, and a stream of it. */
  async function joined(client: SdkClient, server: Name): Promise<void> {
    if (era === 'stateless') return
    const streams = () => world.servers[server].requests.filter(({ method }) => method === 'GET').length
    const before = streams()
    await client.callTool(`${server}__echo`, { text: 'hello' })
    await until(`the stream of ${server} is joined`, () => streams() > before, BOUND_MS)
  }

  test('a resource that changes is told by the name that it is listed by', async () => {
    const client = await world.client()
    for (const name of names) await joined(client, name)
    const stop = await client.watch({ resources: [`two+${WATCHED_RESOURCE}`] })
    await client.callTool('one__touch_resource')
    await client.callTool('two__touch_resource')
    await until('it is told', () => heard(client, 'resources/updated').length > 0, BOUND_MS)
    expect(heard(client, 'resources/updated').map(({ params }) => params.uri)).toEqual([
      `two+${WATCHED_RESOURCE}`,
    ])
    await stop()
    await client.callTool('two__touch_resource')
    await client.callTool('two__echo', { text: 'after that' })
    expect(heard(client, 'resources/updated')).toHaveLength(1)
    await client.end()
  })

  test.each(names)('lists of %s that change are told, and listed anew', async (name) => {
    const client = await world.client()
    await joined(client, name)
    const stop = await client.watch({ tools: true, prompts: true })
    await client.callTool(`${name}__test_trigger_tool_change`)
    await until('tools are told', () => heard(client, 'tools/list_changed').length > 0, BOUND_MS)
    expect(await client.toolNames()).toContain(`${name}__passing_tool`)
    expect((await client.callTool(`${name}__passing_tool`)).text).toBe('Just passing through')
    await client.callTool(`${name}__test_trigger_prompt_change`)
    await until('prompts are told', () => heard(client, 'prompts/list_changed').length > 0, BOUND_MS)
    const { prompts } = await client.request('prompts/list')
    expect(JSON.stringify(prompts)).toContain(`${name}__passing_prompt`)
    await stop()
    await client.end()
  })

  test('a server that is added, and one whose change is administrative, are told on an open stream', async () => {
    const token = await world.grant('watcher')
    const client = await world.client({ token })
    const stop = await client.watch({ tools: true })
    await world.admin.putServer('three', { url: world.servers.one.url })
    await until('it is told', () => heard(client, 'tools/list_changed').length > 0, BOUND_MS)
    expect(await client.toolNames()).toContain('three__echo')
    expect((await client.callTool('three__echo', { text: 'hi' })).text).toBe('hi')
    await world.admin.deleteServer('three')
    expect(await client.toolNames()).not.toContain('three__echo')
    await stop()
    await client.end()
  })

  test('a server that the grant no longer reaches is not heard any more; the other one is', async () => {
    const grant = { servers: [...names] }
    const client = await world.client({ token: await world.grant('shrinking', undefined, grant) })
    const other = await world.agent()
    for (const name of names) await joined(client, name)
    const stop = await client.watch({
      tools: true,
      resources: names.map((name) => `${name}+${WATCHED_RESOURCE}`),
    })
    await world.admin.changeGrant('shrinking', { policy: 'open', servers: ['two'] })
    await until('it is told', () => heard(client, 'tools/list_changed').length > 0, BOUND_MS)
    await other.call('one__touch_resource', {})
    await other.call('two__touch_resource', {})
    await until('the other is heard', () => heard(client, 'resources/updated').length > 0, BOUND_MS)
    expect(heard(client, 'resources/updated').map(({ params }) => params.uri)).toEqual([
      `two+${WATCHED_RESOURCE}`,
    ])
    await stop().catch(() => {})
    await client.end()
  })

  test('a call that is cancelled is cancelled at its own server', async () => {
    const client = await world.client()
    const before = names.map((name) => world.servers[name].world.cancellations)
    const abort = new AbortController()
    let isRunning = false
    const call = client.callTool(
      'two__slow_progress',
      { steps: 200, wait_ms: 50 },
      { signal: abort.signal, onprogress: () => (isRunning = true) },
    )
    call.catch(() => {})
    await until('it runs', () => isRunning, BOUND_MS)
    abort.abort()
    await expect(call).rejects.toThrow()
    const cancelled = () => world.servers.two.world.cancellations - (before[1] ?? 0)
    await until('it is cancelled', () => cancelled() === 1, BOUND_MS)
    expect(world.servers.one.world.cancellations).toBe(before[0])
    await client.end()
  })
})

describe.skipIf(bareWorkerdMissing !== null)(`sessions upstream${missing}`, () => {
  let world: MergedWorld
  beforeAll(async () => {
    world = await startMergedWorld('session')
  })
  afterAll(() => world?.stop())

  const sessionsOf = (name: Name, text: string) =>
    new Set(
      world.servers[name].requests
        .filter(({ body }) => JSON.stringify(body)?.includes(`"${text}"`))
        .map(({ headers }) => headers['mcp-session-id']),
    )

  test('each of a client has its own with each server, and no other grant gets it', async () => {
    const clients = await Promise.all(
      ['mine', 'theirs'].map(async (text) => {
        const client = await world.client({ token: await world.grant(text) })
        for (const name of names) {
          await client.callTool(`${name}__echo`, { text })
          await client.callTool(`${name}__echo`, { text })
        }
        return client
      }),
    )
    for (const name of names) {
      const [mine, theirs] = [sessionsOf(name, 'mine'), sessionsOf(name, 'theirs')]
      expect([mine.size, theirs.size]).toEqual([1, 1])
      expect(mine.isDisjointFrom(theirs)).toBe(true)
      for (const { sessionId } of clients) expect(mine.has(sessionId)).toBe(false)
    }
    await Promise.all(clients.map((client) => client.end()))
  })

  test('two clients of one grant share none', async () => {
    const [one, other] = await Promise.all([world.client(), world.client()])
    await one.callTool('one__echo', { text: 'first' })
    await other.callTool('one__echo', { text: 'second' })
    expect(sessionsOf('one', 'first').isDisjointFrom(sessionsOf('one', 'second'))).toBe(true)
    await Promise.all([one.end(), other.end()])
  })

  test('all of them end when the client ends its own', async () => {
    const client = await world.client()
    for (const name of names) await client.callTool(`${name}__echo`, { text: 'to be ended' })
    await client.end()
    for (const name of names) {
      const [session] = sessionsOf(name, 'to be ended')
      const isEnded = () =>
        world.servers[name].requests.some(
          ({ method, headers }) => method === 'DELETE' && headers['mcp-session-id'] === session,
        )
      await until(`it is ended at ${name}`, isEnded, BOUND_MS)
    }
  })
})
