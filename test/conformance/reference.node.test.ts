/** Real clients of both eras and the reference servers, with nothing in between. */
import { afterEach, describe, expect, test } from 'vitest'
import type { SdkClient, SdkClientOptions } from '../support/node/sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'
import type { Reference } from './reference/reference.ts'
import { startSessionEra } from './reference/session-era.ts'
import { startBothEras, startStatelessEra } from './reference/stateless-era.ts'
import { WATCHED_RESOURCE } from './reference/world.ts'

const SOON_MS = 5_000

type Connect = (url: string, options?: SdkClientOptions) => Promise<SdkClient>

const pairs: readonly [string, Connect, () => Promise<Reference>, SdkClient['era']][] = [
  ['session-era client, session-era server', connectSessionEra, startSessionEra, 'session'],
  ['session-era client, server of both eras', connectSessionEra, startBothEras, 'session'],
  ['stateless-era client, stateless-era server', connectStatelessEra, startStatelessEra, 'stateless'],
  ['stateless-era client, server of both eras', connectStatelessEra, startBothEras, 'stateless'],
  ['stateless-era client, session-era server', connectStatelessEra, startSessionEra, 'session'],
]

describe.each(pairs)('%s', (_, connect, start, era) => {
  let reference: Reference | undefined
  let client: SdkClient | undefined

  afterEach(async () => {
    await client?.close()
    await reference?.stop()
  })

  async function connected(options?: SdkClientOptions) {
    reference = await start()
    client = await connect(reference.url, options)
    return { reference, client }
  }

  test('agree on an era', async () => {
    const { client } = await connected()
    expect(client.era).toBe(era)
    expect(client.protocolVersion).toBe(era === 'session' ? '2025-11-25' : '2026-07-28')
    expect(client.sessionId === undefined).toBe(era === 'stateless')
  })

  test('a tool answers', async () => {
    const { client } = await connected()
    expect(await client.callTool('echo', { text: 'hello' })).toMatchObject({ isError: false, text: 'hello' })
    expect(await client.callTool('test_error_handling')).toMatchObject({ isError: true })
  })

  test('progress arrives while a tool runs', async () => {
    const { client } = await connected()
    const seen: number[] = []
    const onprogress = ({ progress }: { progress: number }) => seen.push(progress)
    await client.callTool('slow_progress', { steps: 3, wait_ms: 5 }, { onprogress })
    expect(seen).toEqual([1, 2, 3])
  })

  test('a tool asks the user', async () => {
    const { client } = await connected({ elicit: () => ({ action: 'accept', content: { name: 'Ana' } }) })
    expect((await client.callTool('ask_name')).text).toBe('Hello, Ana!')
    expect(client.questions).toMatchObject([
      { method: 'elicitation/create', params: { message: 'What is your name?' } },
    ])
  })

  test('a tool takes a no', async () => {
    const { client } = await connected({ elicit: () => ({ action: 'decline' }) })
    expect((await client.callTool('ask_name')).text).toBe('No name: decline')
  })

  test('a tool asks for a sample and for roots', async () => {
    const { client } = await connected()
    expect((await client.callTool('test_sampling', { prompt: 'Capital?' })).text).toBe('LLM response: Paris')
    expect((await client.callTool('list_roots')).text).toBe('Roots: file:///test/root')
  })

  test('a client that can be asked nothing is asked nothing', async () => {
    const { client } = await connected({ without: ['elicitation', 'sampling', 'roots'] })
    const refused = await client.callTool('ask_name').then(
      ({ isError }) => isError,
      () => true,
    )
    expect(refused).toBe(true)
    expect(client.questions).toEqual([])
  })

  test('a resource that is watched is told of, and another is not', async () => {
    const { client, reference } = await connected()
    const stop = await client.watch({ resources: [WATCHED_RESOURCE] })
    await client.callTool('touch_resource')
    await until(
      'the change arrives',
      () => updates(client).some(({ params }) => params.uri === WATCHED_RESOURCE),
      SOON_MS,
    )
    const read = await client.request('resources/read', { uri: WATCHED_RESOURCE })
    expect(read).toMatchObject({ contents: [{ text: `Revision ${reference.world.revision}` }] })
    await stop()
  })

  test('a list that changes is told of', async () => {
    const { client } = await connected()
    const stop = await client.watch({ tools: true, prompts: true })
    expect(await client.toolNames()).not.toContain('passing_tool')
    await client.callTool('test_trigger_tool_change')
    await client.callTool('test_trigger_prompt_change')
    const told = (list: string) =>
      client.notifications.some(({ method }) => method === `notifications/${list}/list_changed`)
    await until('both changes arrive', () => told('tools') && told('prompts'), SOON_MS)
    expect(await client.toolNames()).toContain('passing_tool')
    await stop()
  })

  test('logs from the level on that was asked for', async () => {
    const { client } = await connected()
    await client.setLogLevel('warning')
    await client.callTool('log_messages', { level: 'info', count: 2 })
    await client.callTool('log_messages', { level: 'warning', count: 2 })
    const logged = client.notifications.filter(({ method }) => method === 'notifications/message')
    expect(logged.map(({ params }) => params.data)).toEqual(['message 1', 'message 2'])
  })

  test('a call that is cancelled ends, on either side', async () => {
    const { client, reference } = await connected()
    const cancel = new AbortController()
    const onprogress = () => cancel.abort()
    const args = { steps: 100, wait_ms: 100 }
    const call = client.callTool('slow_progress', args, { onprogress, signal: cancel.signal })
    await expect(call).rejects.toThrow()
    await until('the server hears of it', () => reference.world.cancellations === 1, SOON_MS)
  })

  test('what a client sent can be looked up', async () => {
    const { client, reference } = await connected({ token: 'secret', headers: { 'x-test': 'yes' } })
    await client.callTool('echo', { text: 'hello' })
    const { headers } = reference.requests.at(-1) ?? {}
    expect(headers).toMatchObject({ authorization: 'Bearer secret', 'x-test': 'yes' })
  })

  test('ends', async () => {
    const { client, reference } = await connected()
    await client.end()
    const deleted = reference.requests.some(({ method }) => method === 'DELETE')
    expect(deleted).toBe(era === 'session')
  })
})

function updates({ notifications }: SdkClient) {
  return notifications.filter(({ method }) => method === 'notifications/resources/updated')
}
