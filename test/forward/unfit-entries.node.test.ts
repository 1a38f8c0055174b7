/** Entries that clients would refuse a whole list for: mended, or left out with a reason; and entries that come twice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import type { Behaviour, ListedTool } from '../support/node/misbehaving.ts'
import { connectSessionEra, connectStatelessEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'
import { startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

const BOUND_MS = 5_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const object = { type: 'object' }
const capabilities = { prompts: {}, resources: {} }

/** Names begin with `bad` where the entry cannot be shown. */
const lists = {
  tools: [
    { name: 'bad-1' },
    { name: 'bad-2', inputSchema: null },
    { name: 'bad-3', inputSchema: { type: 'string' } },
    { name: 'bad-4', description: 5, inputSchema: object },
    { name: 'mended-1', inputSchema: { anyOf: [object] } },
    {
      name: 'mended-2',
      title: null,
      annotations: null,
      icons: null,
      inputSchema: { ...object, required: null },
    },
    { name: 'mended-3', inputSchema: object, outputSchema: { type: 'array', items: {} } },
    { name: 'fine', inputSchema: object },
  ],
  prompts: [
    { name: 'bad-1', arguments: [{}] },
    { title: 'bad-2' },
    { name: 'mended-1', arguments: null },
    { name: 'fine' },
  ],
  resources: [
    { name: 'bad-1', uri: null },
    { name: 'bad-2', uri: 'relative' },
    { name: 'bad-3', uri: 'a:bad', size: 'x' },
    { name: 'mended-1', uri: 'a:1', mimeType: null },
    { name: 'fine', uri: 'a:2' },
  ],
  resourceTemplates: [
    { name: 'bad-1' },
    { name: 'mended-1', uriTemplate: 'a:{1}', description: null },
    { name: 'fine', uriTemplate: 'a:{2}' },
  ],
} as const
const methods: Readonly<Record<string, keyof typeof lists>> = {
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}
const kept = (kind: keyof typeof lists) =>
  lists[kind].map((it) => ('name' in it ? it.name : '')).filter((name) => /^(mended|fine)/.test(name))

describe.skipIf(bareWorkerdMissing !== null)(`entries that do not fit${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  const listing = (): ((request: { rpc: string | null }) => Behaviour) => {
    const envelope = '"resultType":"complete","ttlMs":0,"cacheScope":"private"'
    return ({ rpc }) => {
      const kind = methods[rpc ?? '']
      if (kind === undefined) return { kind: 'ok' }
      const text = `{"jsonrpc":"2.0","id":$ID,"result":{"${kind}":${JSON.stringify(lists[kind])},${envelope}}}`
      return { kind: 'raw', text }
    }
  }

  describe.each(eras)('in the %s era', (era) => {
    test('cost the client of the SDK nothing but themselves, and the status says why', async () => {
      const { name, server, token } = await world.add(`unfit-${era}`, {}, { capabilities })
      server.list({ tools: lists.tools as unknown as ListedTool[] })
      server.behave(listing())
      const connect = era === 'session' ? connectSessionEra : connectStatelessEra
      const client = await connect(`${world.gateway.url}/mcp`, { token })
      const { sdk } = client
      const own = (entries: readonly { name: string }[], prefix = '') =>
        entries.filter((it) => it.name.startsWith(prefix)).map((it) => it.name.slice(prefix.length))
      const { tools } = await sdk.listTools()
      expect(tools.map((tool) => tool.name)).toContain('good__echo')
      expect(own(tools, `${name}__`)).toEqual(kept('tools'))
      expect(tools.find((tool) => tool.name.endsWith('mended-3'))?.outputSchema).toEqual(
        era === 'session' ? undefined : { type: 'array', items: {} },
      )
      expect(own((await sdk.listPrompts()).prompts, `${name}__`)).toEqual(kept('prompts'))
      const { resources } = await sdk.listResources()
      expect([own(resources), resources.map(({ uri }) => uri)]).toEqual([
        kept('resources'),
        [`${name}+a:1`, `${name}+a:2`],
      ])
      expect(own((await sdk.listResourceTemplates()).resourceTemplates)).toEqual(kept('resourceTemplates'))
      await client.end()

      const leftOut = async () => (await world.admin.status(name)).names.left_out
      await until('the status says so', async () => (await leftOut()).length === 10, BOUND_MS)
      expect(await leftOut()).toEqual([
        { name: 'bad-1', reason: '/inputSchema: found nothing; allowed: a value' },
        { name: 'bad-2', reason: '/inputSchema: found null; allowed: a value' },
        { name: 'bad-3', reason: '/inputSchema/type: found "string"; allowed: "object"' },
        { name: 'bad-4', reason: '/description: found 5; allowed: a string' },
        { kind: 'prompts', name: 'bad-1', reason: '/arguments/0/name: found nothing; allowed: a value' },
        { kind: 'prompts', name: '(entry 2)', reason: '/name: found nothing; allowed: a value' },
        { kind: 'resources', name: '(entry 1)', reason: '/uri: found null; allowed: a value' },
        { kind: 'resources', name: 'relative', reason: '/uri: found "relative"; allowed: an absolute URI' },
        { kind: 'resources', name: 'a:bad', reason: '/size: found "x"; allowed: a number' },
        {
          kind: 'resourceTemplates',
          name: '(entry 1)',
          reason: '/uriTemplate: found nothing; allowed: a value',
        },
      ])
      // What is as it should be again is not named any more, and a scan begins anew.
      server.list({ tools: [{ name: 'fine', inputSchema: object }] })
      expect((await world.admin.scan(name)).names).toMatchObject({ left_out: [] })
    })

    test('are left out of a list that is stale, too', async () => {
      const { name, server, connect } = await world.add(`stale-${era}`)
      server.list({ tools: lists.tools as unknown as ListedTool[] })
      await world.admin.scan(name)
      const agent = await connect(era, 'all')
      server.behave({ 'tools/list': { kind: 'status', status: 500 } })
      const { answer } = await agent.send('tools/list')
      const tools = answer?.result?.tools as { name: string; _meta?: object }[]
      const own = tools.filter((tool) => tool.name.startsWith(name))
      expect(own.map((tool) => tool.name.slice(name.length + 2))).toEqual(kept('tools'))
      expect(own.every((tool) => JSON.stringify(tool._meta) === '{"gatehouse/stale":true}')).toBe(true)
    })

    test('pass at the URL of their server alone, as it says them', async () => {
      const { server, connect } = await world.add(`alone-${era}`)
      server.list({ tools: lists.tools as unknown as ListedTool[] })
      const agent = await connect(era, 'one')
      expect((await agent.send('tools/list')).answer?.result?.tools).toEqual(lists.tools)
    })

    test('that come again on a later page are listed once', async () => {
      const { name, server, connect } = await world.add(`again-${era}`, {}, { capabilities })
      const tool = (own: string) => ({ name: own, inputSchema: object })
      server.list({ tools: ['a', 'b', 'a', 'c', 'b', 'd', 'a'].map(tool), pageSize: 2 })
      const envelope = '"resultType":"complete","ttlMs":0,"cacheScope":"private"'
      const page = (names: string[], next: string) =>
        `{"jsonrpc":"2.0","id":$ID,"result":{"prompts":${JSON.stringify(names.map((own) => ({ name: own })))},${envelope}${next}}}`
      server.behave(({ rpc, body }) => {
        if (rpc !== 'prompts/list') return { kind: 'ok' }
        const { cursor } = (body as { params?: { cursor?: string } }).params ?? {}
        return {
          kind: 'raw',
          text: cursor === undefined ? page(['x', 'y'], ',"nextCursor":"2"') : page(['y', 'z', 'z'], ''),
        }
      })
      const agent = await connect(era, 'all')
      const own = (await agent.tools()).filter((it) => it.startsWith(name))
      expect(own).toEqual(['a', 'b', 'c', 'd'].map((it) => `${name}__${it}`))
      const first = await agent.send('prompts/list')
      const cursor = first.answer?.result?.nextCursor as string
      const second = await agent.send('prompts/list', { cursor })
      expect([first, second].map(({ answer }) => answer?.result?.prompts)).toEqual([
        [{ name: `${name}__x` }, { name: `${name}__y` }],
        [{ name: `${name}__z` }],
      ])
      // Of one server's list nothing is left out of another's.
      expect(second.answer?.result?.nextCursor).toBeUndefined()
    })
  })
})
