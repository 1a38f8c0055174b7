/** Everything that a grant reaches behind one URL: two real servers and the native tools, for clients of either era. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resources, resourceTemplates } from '../conformance/reference/resources.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { type MergedWorld, names, startMergedWorld } from '../support/node/merged-world.ts'
import type { Json, SdkClient } from '../support/node/sdk-client.ts'

const natives = ['auth_login', 'auth_logout', 'auth_whoami']
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null).each(eras)(`in the %s era${missing}`, (era) => {
  let world: MergedWorld
  let client: SdkClient
  beforeAll(async () => {
    world = await startMergedWorld(era)
    client = await world.client()
  })
  afterAll(async () => {
    await client?.close()
    await world?.stop()
  })

  const listed = async (method: string, kind: string): Promise<readonly Json[]> =>
    (await client.request(method))[kind] as readonly Json[]

  test('the client speaks its era with the gateway', () => {
    expect(client.era).toBe(era)
  })

  test('tools: native ones as they are, the others by server, in an order that stays', async () => {
    const tools = await client.toolNames()
    expect(tools.slice(0, 3)).toEqual(natives)
    const own = (name: string) => tools.filter((tool) => tool.startsWith(`${name}__`))
    expect([...natives, ...own('one'), ...own('two')]).toEqual(tools)
    expect(own('one').map((tool) => tool.slice(5))).toEqual(own('two').map((tool) => tool.slice(5)))
    expect(own('one')).toContain('one__echo')
    expect(await client.toolNames()).toEqual(tools)
  })

  test('prompts, resources and templates are listed by server', async () => {
    const prompts = await listed('prompts/list', 'prompts')
    expect(prompts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['one__test_simple_prompt', 'two__test_simple_prompt']),
    )
    const arguments_ = prompts.find(({ name }) => name === 'two__test_prompt_with_arguments')?.arguments
    expect(arguments_).toHaveLength(2)
    expect((await listed('resources/list', 'resources')).map(({ uri }) => uri)).toEqual(
      names.flatMap((name) => resources.map(({ uri }) => `${name}+${uri}`)),
    )
    const templates = await listed('resources/templates/list', 'resourceTemplates')
    expect(templates).toEqual(
      names.flatMap((name) =>
        resourceTemplates.map((it) => ({ ...it, uriTemplate: `${name}+${it.uriTemplate}` })),
      ),
    )
  })

  test.each(names)('a call goes to %s alone', async (name) => {
    const text = `to-${name}-${era}`
    expect((await client.callTool(`${name}__echo`, { text })).text).toBe(text)
    for (const server of names) {
      const calls = world.servers[server].requests.filter(({ body }) => JSON.stringify(body)?.includes(text))
      expect(calls).toHaveLength(server === name ? 1 : 0)
    }
  })

  test('a native call is answered beside them', async () => {
    const answer = await client.callTool('auth_whoami')
    expect([answer.isError, answer.structured.logged_in]).toEqual([false, false])
  })

  test('a tool error stays one, and a tool that is not there is refused', async () => {
    expect(await client.callTool('one__test_error_handling')).toMatchObject({ isError: true })
    const agent = await world.agent()
    const nowhere = await agent.send('tools/call', { name: 'three__echo', arguments: {} })
    expect(nowhere.answer?.error).toEqual({ code: -32_602, message: 'Unknown tool: three__echo' })
    const there = await agent.send('tools/call', { name: 'one__nothing', arguments: {} })
    expect(JSON.stringify(there.answer)).toMatch(/nothing/)
    expect(there.answer?.error ?? there.answer?.result?.isError).toBeTruthy()
  })

  test('a prompt is got from its server, the links in it exposed', async () => {
    const got = await client.request('prompts/get', {
      name: 'two__test_prompt_with_embedded_resource',
      arguments: { resourceUri: 'test://x' },
    })
    expect(JSON.stringify(got.messages)).toContain('"uri":"two+test://x"')
    const plain = await client.request('prompts/get', {
      name: 'one__test_prompt_with_arguments',
      arguments: { arg1: 'a', arg2: 'b' },
    })
    expect(JSON.stringify(plain.messages)).toContain("arg1='a', arg2='b'")
  })

  test.each(['+', '__'])('a resource is read by %s, and says how it was asked for', async (between) => {
    const { contents } = await client.request('resources/read', { uri: `two${between}test://static-text` })
    expect(contents).toEqual([expect.objectContaining({ uri: 'two+test://static-text' })])
    const template = await client.request('resources/read', { uri: `one${between}test://template/7/data` })
    expect(template.contents).toEqual([expect.objectContaining({ uri: 'one+test://template/7/data' })])
  })

  test('a resource of nobody is refused', async () => {
    const agent = await world.agent()
    for (const uri of ['three+test://static-text', 'test://static-text', 'one+test://nothing']) {
      const { answer } = await agent.send('resources/read', { uri })
      expect([uri, answer?.error?.code]).toEqual([uri, era === 'session' ? -32_002 : -32_602])
    }
  })

  test('links in a result are exposed', async () => {
    const { content } = await client.callTool('two__test_embedded_resource')
    expect(content).toEqual([
      expect.objectContaining({ resource: expect.objectContaining({ uri: 'two+test://embedded-resource' }) }),
    ])
  })

  test('completions, of a prompt and of a template', async () => {
    for (const ref of [
      { type: 'ref/prompt', name: 'one__test_prompt_with_arguments' },
      { type: 'ref/resource', uri: 'two+test://template/{id}/data' },
    ]) {
      const params = { ref, argument: { name: 'arg1', value: 'par' } }
      const { completion } = await client.request('completion/complete', params)
      expect(completion).toMatchObject({ values: ['paris', 'park', 'party'] })
    }
    const asked = world.servers.one.requests
      .map(({ body }) => body as { method?: string; params: Json } | null)
      .findLast((body) => body?.method === 'completion/complete')
    expect(asked?.params.ref).toMatchObject({ name: 'test_prompt_with_arguments' })
  })

  test('log messages come at the level that was asked for', async () => {
    const own = await world.client()
    await own.callTool('one__echo', { text: 'opens a session, where there are any' })
    await own.setLogLevel('warning')
    await own.callTool('one__log_messages', { level: 'info', count: 2 })
    await own.callTool('one__log_messages', { level: 'error', count: 2 })
    const logged = own.notifications.filter(({ method }) => method === 'notifications/message')
    expect(logged.map(({ params }) => params.level)).toEqual(['error', 'error'])
    await own.end()
  })

  test('progress of two calls at once', async () => {
    const seen: Record<string, number[]> = { one: [], two: [] }
    await Promise.all(
      names.map((name) =>
        client.callTool(
          `${name}__slow_progress`,
          { steps: 3 },
          {
            onprogress: ({ progress }) => seen[name]?.push(progress),
          },
        ),
      ),
    )
    expect(seen).toEqual({ one: [1, 2, 3], two: [1, 2, 3] })
  })

  test('both servers ask at once, and each is given its own answer', async () => {
    const asked = await world.client({
      elicit: (params) => ({
        action: 'accept',
        content: /name/.test(String(params.message)) ? { name: 'Ana' } : { username: 'ana', email: 'a@b.c' },
      }),
    })
    const [name, form, sampled, roots] = await Promise.all([
      asked.callTool('one__ask_name'),
      asked.callTool('two__test_elicitation', { message: 'Who?' }),
      asked.callTool('one__test_sampling', { prompt: 'Capital of France?' }),
      asked.callTool('two__list_roots'),
    ])
    expect(name.text).toBe('Hello, Ana!')
    expect(form.text).toContain('"username":"ana"')
    expect(sampled.text).toBe('LLM response: Paris')
    expect(roots.text).toBe('Roots: file:///test/root')
    expect(asked.questions.map(({ method }) => method).sort()).toEqual([
      'elicitation/create',
      'elicitation/create',
      'roots/list',
      'sampling/createMessage',
    ])
    await asked.end()
  })
})
