/** A server that lies beside one that is well: whatever it answers, the other one's part is there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import type { Behaviour } from '../support/node/misbehaving.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'
import { startUpstreamWorld, type Unwell, type UpstreamWorld } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

const BOUND_MS = 8_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const rpc = (rest: string) => `{"jsonrpc":"2.0","id":$ID,${rest}}`
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
const listed = (entries: string, more = '') =>
  rpc(
    `"result":{"tools":${entries},"prompts":${entries},"resources":${entries},"resourceTemplates":${entries},"resultType":"complete","ttlMs":0,"cacheScope":"private"${more}}`,
  )

/** Bodies with which a list is answered. */
const bodies: Readonly<Record<string, string>> = {
  'a result that is null beside an error': rpc('"result":null,"error":{"code":-32050,"message":"locked"}'),
  'a result beside an error': rpc('"result":{"tools":[]},"error":{"code":-32050,"message":"locked"}'),
  'an error that is null': rpc('"result":$RESULT,"error":null'),
  'members that are null': rpc('"method":null,"params":null,"result":$RESULT,"error":null'),
  'an error that is text': rpc('"error":"no"'),
  'an error without a message': rpc('"error":{"code":-1}'),
  'an error whose code is an object': rpc(
    `"error":{"code":-1,"message":"x","data":{"code":${nested(20_000)}}}`,
  ),
  'an error of a megabyte': rpc(`"error":{"code":-1,"message":"${'x'.repeat(1024 * 1024)}"}`),
  'an array of nothing': '[]',
  'an array with the answer': `[7,{"jsonrpc":"2.0","method":"notifications/x"},${rpc('"result":$RESULT')}]`,
  text: '"hello"',
  nothing: 'null',
  'no JSON': '{"jsonrpc":',
  'a request instead': '{"jsonrpc":"2.0","id":$ID,"method":"ping"}',
  'lists that are null': listed('null'),
  'lists that are objects': listed('{"length":1}'),
  'entries of every kind but objects': listed('[null,7,"x",true,[],[[]]]'),
  'entries without anything': listed(
    '[{},{"name":null},{"name":7,"uri":7},{"name":{}},{"name":[],"uri":[]}]',
  ),
  'names that JavaScript knows': listed(
    '[{"name":"__proto__","inputSchema":{"type":"object"}},{"name":"constructor","__proto__":null,"inputSchema":{"type":"object","properties":{"__proto__":{}}}},{"name":"toString","uri":"a:b","uriTemplate":"a:{b}"}]',
  ),
  'entries that are too deep': listed(
    `[{"name":"a","uri":"a:b","uriTemplate":"a:{b}","inputSchema":{"type":"object","x":${nested(20_000)}}}]`,
  ),
  'a cursor that is null': listed('[]', ',"nextCursor":null'),
  'a cursor that is an object': listed('[]', ',"nextCursor":{}'),
  'a cursor of a megabyte': listed('[]', `,"nextCursor":"${'x'.repeat(1024 * 1024)}"`),
  '_meta that is null': listed('[]', ',"_meta":null'),
}

const behaviours: Readonly<Record<string, Behaviour>> = {
  ...Object.fromEntries(Object.entries(bodies).map(([name, text]) => [name, { kind: 'raw', text } as const])),
  'an event of another type': {
    kind: 'raw',
    type: 'text/event-stream',
    text: `event: other\ndata: ${rpc('"result":$RESULT')}\n\n`,
  },
  'an event of nothing': { kind: 'raw', type: 'text/event-stream', text: 'data: null\n\n' },
  'an array in an event': {
    kind: 'raw',
    type: 'text/event-stream',
    text: `data: [${rpc('"result":$RESULT')}]\n\n`,
  },
  'another media type': { kind: 'raw', type: 'application/xml', text: '<x/>' },
  'HTTP 299': { kind: 'raw', status: 299, text: rpc('"result":$RESULT') },
  'HTTP 418': { kind: 'raw', status: 418, text: rpc('"error":{"code":-1,"message":"x"}') },
}

const methods = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
} as const

describe.skipIf(bareWorkerdMissing !== null).each(eras)(
  `beside a server that lies, in the %s era${missing}`,
  (era) => {
    let world: UpstreamWorld
    let well: ScriptedServer
    let liar: Unwell
    let agent: McpAgent
    beforeAll(async () => {
      world = await startUpstreamWorld()
      well = await startWell(era)
      const document = { timeouts: { response_seconds: 3, idle_seconds: 3, call_seconds: 6 } }
      liar = await world.add('liar', document, {
        capabilities: { prompts: {}, resources: { subscribe: true }, logging: {} },
      })
      await world.admin.putServer('well', { url: well.url })
      const token = await world.admin.putGrant('both', { policy: 'open', servers: ['liar', 'well'] })
      const { connectAgent } = await import('../support/node/mcp-agent.ts')
      agent = await connectAgent(era, `${world.gateway.url}/mcp`, { authorization: `Bearer ${token}` })
    })
    afterAll(async () => {
      await well?.stop()
      await world?.stop()
    })

    test.each(Object.keys(behaviours))('%s', async (name) => {
      liar.server.behave(({ rpc: method }) =>
        method !== null && Object.hasOwn(methods, method) ? (behaviours[name] as Behaviour) : { kind: 'ok' },
      )
      for (const [method, kind] of Object.entries(methods)) {
        const { status, answer } = await within(method, BOUND_MS, agent.send(method))
        expect([method, status]).toEqual([method, 200])
        const entries = answer?.result?.[kind] as Record<string, unknown>[]
        const own = entries.filter((entry) => JSON.stringify(entry).includes('well'))
        expect([method, own.length]).toEqual([method, 1])
        // Nothing is made up of what was not there.
        expect(JSON.stringify(entries)).not.toMatch(/undefined|\[object|__7|__null/)
      }
    })

    test.each(['initialize', 'server/discover', 'notifications/initialized'])(
      'to begin with, by its %s',
      async (method) => {
        for (const [index, behaviour] of Object.values(behaviours).entries()) {
          const { connect, server, name } = await world.add(`begins-${method.length}-${index}`)
          server.behave({ [method]: behaviour })
          const fresh = await within(name, BOUND_MS, connect(era, 'all'))
          expect(await within(name, BOUND_MS, fresh.tools())).toContain('good__echo')
          expect(await fresh.call('good__echo', { text: 'hi' })).toMatchObject({ text: 'hi' })
        }
      },
    )

    test('what is for every server reaches the one that is well', async () => {
      if (era === 'stateless') return
      for (const behaviour of Object.values(behaviours)) {
        liar.server.behave(({ rpc: method }) => (method === 'logging/setLevel' ? behaviour : { kind: 'ok' }))
        const before = well.received('logging/setLevel').length
        const { answer } = await within(
          'setLevel',
          BOUND_MS,
          agent.send('logging/setLevel', { level: 'error' }),
        )
        expect(answer?.result).toEqual({})
        expect(well.received('logging/setLevel')).toHaveLength(before + 1)
      }
    })
  },
)

/** With one entry in each list. */
function startWell(era: Era): Promise<ScriptedServer> {
  const envelope = era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
  const entries: Readonly<Record<string, object>> = {
    'tools/list': { tools: [{ name: 'echo', description: 'well', inputSchema: { type: 'object' } }] },
    'prompts/list': { prompts: [{ name: 'well' }] },
    'resources/list': { resources: [{ name: 'well', uri: 'a:b' }] },
    'resources/templates/list': { resourceTemplates: [{ name: 'well', uriTemplate: 'a:{b}' }] },
    'logging/setLevel': {},
  }
  const capabilities = { tools: {}, prompts: {}, resources: {}, logging: {} }
  return startScripted(era, ({ body }, response) => {
    const method = body?.method ?? ''
    const say = (result: object, headers = {}) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body?.id, result: { ...result, ...envelope } }))
      return true
    }
    if (Object.hasOwn(entries, method)) return say(entries[method] as object)
    if (method === 'server/discover' && era === 'stateless')
      return say({ supportedVersions: ['2026-07-28'], capabilities })
    if (method !== 'initialize' || era === 'stateless') return false
    const serverInfo = { name: 'well', version: '1' }
    return say(
      { protocolVersion: '2025-11-25', capabilities, serverInfo },
      { 'mcp-session-id': crypto.randomUUID() },
    )
  })
}
