/** What may be read of real servers: by clients of either era, at both URLs, across the eras, and on streams. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { type MergedWorld, startMergedWorld } from '../support/node/merged-world.ts'
import { connectSessionEra, connectStatelessEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

/** Denies by default, and lets some of what the reference server has be read. */
const policy = {
  version: '1',
  default: 'deny',
  tools: { one__test_simple_text: {} },
  resources: {
    'one+test://*': {},
    'one+test://static-binary': { hide: true },
    '*+test://template/*': { deny_if: [{ conditions: [{ path: 'args.uri', op: 'contains', value: '13' }] }] },
  },
  prompts: { one__test_simple_prompt: {}, '*__test_prompt_with_image': { hide: true } },
}

const names = (
  answer: { readonly result?: Readonly<Record<string, unknown>> } | null,
  kind: string,
  key: string,
) => ((answer?.result?.[kind] ?? []) as Record<string, string>[]).map((entry) => entry[key])

describe.skipIf(bareWorkerdMissing !== null).each(eras)(`servers of the %s era${missing}`, (server) => {
  let world: MergedWorld
  let token: string
  beforeAll(async () => {
    world = await startMergedWorld(server)
    token = await world.grant('reads', policy)
  })
  afterAll(() => world.stop())

  const agentAt = (era: Era, path: string): Promise<McpAgent> =>
    connectAgent(era, `${world.gateway.url}${path}`, { authorization: `Bearer ${token}` })

  describe.each(eras)('a client of the %s era', (era) => {
    test('sees what it may read, and no more, at /mcp', async () => {
      const agent = await agentAt(era, '/mcp')
      const resources = await agent.send('resources/list')
      expect(names(resources.answer, 'resources', 'uri')).toEqual(
        expect.arrayContaining(['one+test://static-text', 'one+test://watched-resource']),
      )
      expect(JSON.stringify(resources.answer)).not.toMatch(/static-binary|two\+/)
      const templates = await agent.send('resources/templates/list')
      expect(names(templates.answer, 'resourceTemplates', 'uriTemplate').toSorted()).toEqual([
        'one+test://template/{id}/data',
        'two+test://template/{id}/data',
      ])
      const prompts = await agent.send('prompts/list')
      expect(names(prompts.answer, 'prompts', 'name')).toEqual(['one__test_simple_prompt'])
      expect(resources.answer?.result?._meta).toBeUndefined()
    })

    test('and at the server’s own URL', async () => {
      const agent = await agentAt(era, '/mcp/one')
      const { answer } = await agent.send('resources/list')
      expect(names(answer, 'resources', 'uri')).toContain('test://static-text')
      expect(JSON.stringify(answer)).not.toContain('static-binary')
      expect(names((await agent.send('prompts/list')).answer, 'prompts', 'name')).toEqual([
        'test_simple_prompt',
      ])
      const two = await agentAt(era, '/mcp/two')
      expect(names((await two.send('resources/list')).answer, 'resources', 'uri')).toEqual([])
    })

    test('reads what it may, whatever it is called', async () => {
      const [all, one] = [await agentAt(era, '/mcp'), await agentAt(era, '/mcp/one')]
      const read = async (uri: string) => {
        const answers = [
          await all.send('resources/read', { uri: `one+${uri}` }),
          await one.send('resources/read', { uri }),
        ]
        const codes = answers.map(({ answer }) =>
          answer?.result === undefined
            ? ((answer?.error?.data as { code?: string } | undefined)?.code ?? answer?.error?.message)
            : 'read',
        )
        expect(new Set(codes).size).toBe(1)
        return codes[0]
      }
      expect(await read('test://static-text')).toBe('read')
      expect(await read('test://static-binary')).toBe('Resource not found')
      expect(await read('test://template/12/data')).toBe('read')
      expect(await read('test://template/13/data')).toBe('denied')
      expect(await read('test://template/%31%33/data')).toBe('ambiguous')
      expect(await read('test://x/../static-binary')).toBe('ambiguous')
      expect(await read('test://static-%62inary')).toBe('ambiguous')
      expect(await read('other://static-text')).toBe('default_deny')
    })

    test('gets the prompts that it may, and completes nothing else', async () => {
      const agent = await agentAt(era, '/mcp')
      const get = async (name: string) => (await agent.send('prompts/get', { name })).answer
      expect((await get('one__test_simple_prompt'))?.result).toMatchObject({ messages: [{}] })
      expect((await get('one__test_prompt_with_image'))?.error).toEqual({
        code: -32_602,
        message: 'Unknown prompt: one__test_prompt_with_image',
      })
      expect((await get('one__TEST_SIMPLE_PROMPT'))?.error?.data).toMatchObject({ code: 'default_deny' })
      const complete = (ref: object) =>
        agent.send('completion/complete', { ref, argument: { name: 'id', value: '1' } })
      const refused = await complete({ type: 'ref/prompt', name: 'one__test_prompt_with_arguments' })
      expect(refused.answer?.error?.data).toMatchObject({ code: 'default_deny' })
      const template = await complete({ type: 'ref/resource', uri: 'two+test://template/{id}/data' })
      // The server’s own answer, whatever it is.
      expect((template.answer?.error?.data as { code?: string } | undefined)?.code).toBeUndefined()
    })

    test('is held to a limit on everything', async () => {
      const limits = [{ counter: 'all', window: 'day', max: 2 }]
      const held = await world.grant(`held-${era}`, { version: '1', default: 'allow', all: { limits } })
      const agent = await world
        .agent(held)
        .then((own) =>
          own.era === era
            ? own
            : connectAgent(era, `${world.gateway.url}/mcp`, { authorization: `Bearer ${held}` }),
        )
      expect(
        (await agent.send('resources/read', { uri: 'one+test://static-text' })).answer?.result,
      ).toBeDefined()
      expect((await agent.call('two__test_simple_text', {})).isError).toBe(false)
      expect(
        (await agent.send('prompts/get', { name: 'two__test_simple_prompt' })).answer?.error?.data,
      ).toMatchObject({
        code: 'rate_limited',
        rule: '/all/limits/0',
      })
      expect((await agent.call('one__test_simple_text', {})).code).toBe('rate_limited')
    })

    test('of the protocol’s own SDK takes what is refused for an error of the protocol', async () => {
      const connect = era === 'session' ? connectSessionEra : connectStatelessEra
      const client = await connect(`${world.gateway.url}/mcp`, { token })
      try {
        const read = (uri: string) => client.request('resources/read', { uri })
        await expect(read('one+test://static-binary')).rejects.toThrow('Resource not found')
        await expect(read('one+test://template/13/data')).rejects.toThrow('policy rule: /resources/')
        expect(await read('one+test://static-text')).toMatchObject({
          contents: [{ uri: 'one+test://static-text' }],
        })
      } finally {
        await client.close()
      }
    })
  })

  test('a subscription is promised only what may be read', async () => {
    const agent = await agentAt('stateless', '/mcp')
    const uris = ['one+test://watched-resource', 'one+test://static-binary', 'two+test://watched-resource']
    const abort = new AbortController()
    const params = { notifications: { resourceSubscriptions: uris } }
    const stream = await agent.open('subscriptions/listen', params, { signal: abort.signal })
    let said = ''
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const piece of stream.body ?? []) said += decoder.decode(piece, { stream: true })
    })().catch(() => {})
    await until('it is acknowledged', async () => said.includes('acknowledged'), 10_000)
    expect(said).toContain('one+test://watched-resource')
    expect(said).not.toMatch(/static-binary|two\+/)
    abort.abort()
    await reading
  })

  test('a policy that is changed holds for the very next request', async () => {
    const agent = await agentAt('session', '/mcp')
    const read = async () => (await agent.send('resources/read', { uri: 'one+test://static-text' })).answer
    expect((await read())?.result).toBeDefined()
    await world.admin.putPolicy('reads', { ...policy, resources: {} })
    expect((await read())?.error?.data).toMatchObject({ code: 'default_deny' })
    expect(names((await agent.send('resources/list')).answer, 'resources', 'uri')).toEqual([])
    await world.admin.putPolicy('reads', policy)
    expect((await read())?.result).toBeDefined()
  })
})
