/** Real clients of both eras at real servers of both eras: whatever both have, passes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras, nameOf, startWorld, type World } from '../support/node/eras-world.ts'
import type { SdkClientOptions } from '../support/node/sdk-client.ts'
import { until } from '../support/node/until.ts'

let world: World

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const pairs = eras.flatMap((client) => eras.map((upstream) => ({ client, upstream })))

describe.skipIf(bareWorkerdMissing !== null)(`through the gateway${skipped}`, () => {
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())

  describe.each(pairs)(
    'a client of the $client era at a server of the $upstream era',
    ({ client, upstream }) => {
      const connect = (options: SdkClientOptions = {}) => world.connect(client, upstream, options)

      test('speaks its own era, and hears what the server says of itself', async () => {
        const { era, sdk } = (await connect()) as Awaited<ReturnType<typeof connect>> & {
          sdk: { getServerVersion(): unknown; getServerCapabilities(): unknown }
        }
        expect(era).toBe(client)
        expect(sdk.getServerVersion()).toMatchObject({ name: 'gatehouse-reference' })
        expect(sdk.getServerCapabilities()).toMatchObject({
          tools: { listChanged: true },
          resources: { subscribe: true },
          prompts: {},
          completions: {},
          logging: {},
        })
      })

      test('lists and calls tools', async () => {
        const agent = await connect()
        expect(await agent.toolNames()).toContain('test_simple_text')
        expect((await agent.callTool('test_simple_text')).text).toBe(
          'This is a simple text response for testing.',
        )
        const failed = await agent.callTool('test_error_handling')
        expect(failed).toMatchObject({
          isError: true,
          text: 'This tool intentionally returns an error for testing',
        })
        expect((await agent.callTool('test_image_content')).content[0]).toMatchObject({ type: 'image' })
        await expect(agent.callTool('no_such_tool')).rejects.toThrow(/no_such_tool/)
      })

      test('repeats arguments in headers where the server wants it', async () => {
        const agent = await connect()
        expect((await agent.callTool('test_x_mcp_header', { region: 'eu wést' })).text).toBe(
          'region: eu wést',
        )
      })

      test('hears of progress, each call of its own', async () => {
        const agent = await connect()
        const heard: number[][] = [[], [], []]
        await Promise.all(
          heard.map((mine) =>
            agent.callTool(
              'test_tool_with_progress',
              {},
              { onprogress: ({ progress }) => mine.push(progress) },
            ),
          ),
        )
        expect(heard).toEqual([
          [0, 50, 100],
          [0, 50, 100],
          [0, 50, 100],
        ])
      })

      test.each([
        ['may be asked', {}],
        ['may not', { without: ['elicitation', 'sampling', 'roots'] }],
      ] as const)('gets an answer whose stream has ended early, whether it %s', async (_, options) => {
        const agent = await connect(options)
        expect((await agent.callTool('test_reconnection')).text).toBe(
          'Reconnection test completed successfully',
        )
      })

      test('is asked for what the user has to say', async () => {
        const agent = await connect({
          elicit: () => ({ action: 'accept', content: { username: 'ana', email: 'ana@example.com' } }),
        })
        const { text } = await agent.callTool('test_elicitation', { message: 'Who are you?' })
        expect(text).toBe(
          'User response: action=accept, content={"username":"ana","email":"ana@example.com"}',
        )
        expect(agent.questions).toHaveLength(1)
        expect(agent.questions[0]).toMatchObject({
          method: 'elicitation/create',
          params: { message: 'Who are you?' },
        })
      })

      test('may decline', async () => {
        const agent = await connect({ elicit: () => ({ action: 'decline' }) })
        const { text } = await agent.callTool('test_elicitation', { message: 'Who are you?' })
        expect(text).toContain('action=decline')
      })

      test('is asked for its model and its roots', async () => {
        const agent = await connect()
        expect((await agent.callTool('test_sampling', { prompt: 'Capital of France?' })).text).toBe(
          'LLM response: Paris',
        )
        expect((await agent.callTool('list_roots')).text).toContain('file:///test/root')
      })

      test('is asked several things at once', async () => {
        const agent = await connect({
          elicit: ({ message }) => ({ action: 'accept', content: { username: String(message), email: 'e' } }),
        })
        const names = ['a', 'b', 'c', 'd', 'e']
        const answers = await Promise.all(
          names.map((message) => agent.callTool('test_elicitation', { message })),
        )
        expect(answers.map(({ text }) => JSON.parse(text.slice(text.indexOf('{'))).username)).toEqual(names)
      })

      test('is told what it lacks', async () => {
        const agent = await connect({ without: ['elicitation', 'sampling', 'roots'] })
        const outcome = await agent.callTool('test_elicitation', { message: 'Who are you?' }).then(
          ({ isError, text }) => ({ isError, text }),
          (error: Error) => ({ isError: true, text: error.message }),
        )
        expect(outcome.isError).toBe(true)
        expect(outcome.text).toMatch(/elicitation|capabilit|not found/i)
      })

      test('gets prompts, resources and completions', async () => {
        const agent = await connect()
        expect(await agent.request('prompts/list')).toMatchObject({
          prompts: expect.arrayContaining([expect.objectContaining({ name: 'test_simple_prompt' })]),
        })
        expect(
          await agent.request('prompts/get', {
            name: 'test_prompt_with_arguments',
            arguments: { arg1: 'x', arg2: 'y' },
          }),
        ).toMatchObject({ messages: [{ content: { text: "Prompt with arguments: arg1='x', arg2='y'" } }] })
        expect(await agent.request('resources/list')).toMatchObject({
          resources: expect.arrayContaining([expect.objectContaining({ uri: 'test://static-text' })]),
        })
        expect(await agent.request('resources/templates/list')).toMatchObject({
          resourceTemplates: [{ uriTemplate: 'test://template/{id}/data' }],
        })
        expect(await agent.request('resources/read', { uri: 'test://static-text' })).toMatchObject({
          contents: [{ text: 'This is the content of the static text resource.' }],
        })
        const completion = await agent.request('completion/complete', {
          ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
          argument: { name: 'arg1', value: 'par' },
        })
        expect(completion).toMatchObject({ completion: { values: ['paris', 'park', 'party'] } })
      })

      test('is told of a resource that is not there, with the code of its era', async () => {
        const agent = await connect()
        const failed = agent.request('resources/read', { uri: 'test://missing' })
        await expect(failed).rejects.toMatchObject({ code: client === 'session' ? -32002 : -32602 })
      })

      test('hears what the server logs, from the level that it wants', async () => {
        const agent = await connect()
        await agent.setLogLevel('warning')
        for (const level of ['debug', 'info', 'warning', 'error'])
          await agent.callTool('log_messages', { level, count: 1 })
        const levels = agent.notifications
          .filter(({ method }) => method === 'notifications/message')
          .map(({ params }) => params.level)
        expect(levels).toEqual(['warning', 'error'])
      })

      test('hears of changes', async () => {
        const agent = await connect()
        const end = await agent.watch({ tools: true, prompts: true, resources: ['test://watched-resource'] })
        const heard = (method: string) => agent.notifications.some((it) => it.method === method)
        await until(
          'the change of the resource is told',
          () => {
            world.servers[upstream].world.touchResource()
            return heard('notifications/resources/updated')
          },
          10_000,
        )
        world.servers[upstream].world.changePrompts()
        await until(
          'the change of the prompts is told',
          () => heard('notifications/prompts/list_changed'),
          10_000,
        )
        world.servers[upstream].world.changePrompts()
        await end()
      })

      test('hears of changes behind one URL with others', async () => {
        const agent = await world.connect(client, 'all')
        await agent.toolNames()
        const uri = `${nameOf(upstream)}+test://watched-resource`
        const end = await agent.watch({ tools: true, prompts: true, resources: [uri] })
        const heard = () =>
          agent.notifications.some(
            ({ method, params }) => method === 'notifications/resources/updated' && params.uri === uri,
          )
        await until(
          'the change of the resource is told',
          () => {
            world.servers[upstream].world.touchResource()
            return heard()
          },
          10_000,
        )
        await end()
      })

      test('cancels', async () => {
        const agent = await connect()
        const { world: there } = world.servers[upstream]
        const before = there.cancellations
        const abort = new AbortController()
        const call = agent.callTool(
          'slow_progress',
          { steps: 100, wait_ms: 100 },
          { signal: abort.signal, onprogress: () => abort.abort() },
        )
        await expect(call).rejects.toThrow()
        await until('the server hears of it', () => there.cancellations > before, 10_000)
      })
    },
  )
})
