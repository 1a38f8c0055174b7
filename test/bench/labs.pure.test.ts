/** The parts of the labs that a wrong table would come from: what is compared, what is read of a model's request. */
import { describe, expect, test } from 'vitest'
import { behaviourOf } from '../../bench/clients/behaviour.ts'
import { anthropic } from '../../bench/clients/model/anthropic.ts'
import { chat } from '../../bench/clients/model/chat.ts'
import { gemini } from '../../bench/clients/model/gemini.ts'
import type { Provider } from '../../bench/clients/model/provider.ts'
import { responses } from '../../bench/clients/model/responses.ts'
import { Script } from '../../bench/clients/model/script.ts'
import type { Passed } from '../../bench/clients/wire.ts'
import { bare, difference, inEra, withoutPrefix } from '../../bench/servers/compare.ts'

describe('a difference', () => {
  test.each([
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, null],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, '/a/1/b'],
    [{ a: 1 }, {}, '/a'],
    [{}, { a: null }, '/a'],
    [[1, 2], [1], '/1'],
    [[], {}, '/'],
    ['x', 'y', '/'],
  ])('of %j and %j is at %j', (a, b, at) => expect(difference(a, b)).toBe(at))

  test('is not what an era or a prefix adds, and is what a server has lost', () => {
    const tools = [{ name: 's__a' }, { name: 'other__b' }, { name: 's__cut_1' }]
    expect(withoutPrefix(tools, 's__', { cut_1: 'cut-short' })).toEqual([
      { name: 'a' },
      { name: 'cut-short' },
    ])
    expect(withoutPrefix([{ name: 'cut_1' }], '', { cut_1: 'cut-short' })).toEqual([{ name: 'cut_1' }])
    expect(bare({ content: [], resultType: 'complete', _meta: {} })).toEqual({ content: [] })
    const [task] = [{ name: 'a', execution: { taskSupport: 'forbidden' } }]
    expect([inEra([task], 'session'), inEra([task], 'stateless')]).toEqual([[task], [{ name: 'a' }]])
  })
})

test('what a client does is read off what passed', () => {
  const row = (http: string, method: string | null, more: Partial<Passed> = {}): Passed => ({
    atMs: 0,
    http,
    path: '/t/x/mcp',
    method,
    revision: null,
    transport: null,
    status: 200,
    wasDropped: false,
    ...more,
  })
  const behaviour = behaviourOf([
    row('POST', 'server/discover', { revision: '2026-07-28', status: 400 }),
    row('POST', 'initialize', { revision: '2025-11-25' }),
    row('GET', null, { transport: 1 }),
    row('POST', 'tools/list', { transport: 1 }),
    row('POST', 'notifications/cancelled', { transport: 2 }),
    row('DELETE', null, { transport: 2 }),
  ])
  expect(behaviour).toMatchObject({
    first: 'server/discover, initialize, GET ',
    revision: '2025-11-25',
    opensStream: true,
    deletes: true,
    transports: 2,
    cancels: 1,
  })
})

describe('the stand-in for a model', () => {
  const call = { kind: 'call', tool: 'auth_login', args: { account_id: 'ana' } } as const

  test.each<[string, Provider, Record<string, unknown>, string]>([
    [
      'Anthropic',
      anthropic,
      {
        tools: [{ name: 'auth_login' }],
        messages: [
          { role: 'user', content: [{ type: 'tool_result', content: [{ type: 'text', text: 'Hi' }] }] },
        ],
      },
      '/v1/messages',
    ],
    [
      'Responses',
      responses,
      { tools: [{ name: 'auth_login' }], input: [{ type: 'function_call_output', output: 'Hi' }] },
      '/v1/responses',
    ],
    [
      'Chat Completions',
      chat,
      { tools: [{ function: { name: 'auth_login' } }], messages: [{ role: 'tool', content: 'Hi' }] },
      '/v1/chat/completions',
    ],
    [
      'Gemini',
      gemini,
      {
        tools: [{ functionDeclarations: [{ name: 'auth_login' }] }],
        contents: [{ parts: [{ functionResponse: { response: { output: 'Hi' } } }] }],
      },
      '/v1beta/models/x:streamGenerateContent',
    ],
  ])('%s: reads the tools and the last result, and calls', (_, provider, body, path) => {
    expect(provider.matches(path)).toBe(true)
    expect(provider.read(body)).toMatchObject({ tools: ['auth_login'], shown: 'Hi' })
    expect(provider.read({ tools: [] }).shown).toBeNull()
    const streamed = provider.write(call, { ...body, stream: true }, path)
    expect(JSON.stringify(streamed)).toContain('ana')
    expect(streamed.kind).toBe('events')
  })

  test('a tool of a namespace is called in it', () => {
    const tools = [{ type: 'namespace', name: 'mcp__gatehouse', tools: [{ name: 'auth_login' }] }]
    expect(responses.read({ tools }).tools).toEqual(['mcp__gatehouse::auth_login'])
    const { document } = responses.write({ ...call, tool: 'mcp__gatehouse::auth_login' }, {}, '') as {
      document: { output: object[] }
    }
    expect(document.output[0]).toMatchObject({ namespace: 'mcp__gatehouse', name: 'auth_login' })
  })

  test('the script leads one request after another', async () => {
    const script = new Script()
    const first = script.take({ tools: ['a'], shown: null, isError: null })
    const next = script.say(call)
    expect(await first).toEqual(call)
    const second = script.take({ tools: ['a'], shown: 'done', isError: false })
    expect((await next).shown).toBe('done')
    script.end()
    expect(await second).toMatchObject({ kind: 'text' })
  })
})
