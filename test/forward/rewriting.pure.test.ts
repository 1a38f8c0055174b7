/** What changes in a server's messages where several share one URL, and what does not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseRpc, type RpcMessage } from '../../src/base/rpc.ts'
import { concerning, exposeId, rewritingFor, splitEventId, splitId } from '../../src/forward/rewriting.ts'

type Json = Readonly<Record<string, unknown>>

const crm = rewritingFor('crm', 1)
const unasked = rewritingFor('crm', null)
const result = (value: Record<string, unknown>): RpcMessage => ({ jsonrpc: '2.0', id: 1, result: value })

describe('ids', () => {
  test.each(['a', '1', '', 'crm:7', 1, 0, -1, 1.5])('of a server’s requests find back: %j', (id) => {
    const exposed = exposeId('crm', id)
    expect([typeof exposed, splitId(exposed)]).toEqual(['string', { server: 'crm', id }])
  })

  test('a text and a number that look the same stay two', () => {
    expect(exposeId('crm', '7')).not.toBe(exposeId('crm', 7))
  })

  test.each([null, undefined, 7, '', 'crm', ':7', 'crm:', 'crm:{}', 'crm:null', 'crm:tru'])(
    '%j is none of ours',
    (id) => {
      expect(splitId(id)).toBeNull()
    },
  )

  test('of events', () => {
    for (const id of ['a.b_1', '', ':']) {
      expect(splitEventId(unasked.eventId(id))).toEqual({ server: 'crm', id, request: null })
      for (const request of [1, 1.5, '1', 'a.b:c%', 'é\ud800\n', '']) {
        const text = rewritingFor('crm', request).eventId(id)
        expect(text).toMatch(/^[!-~]*$/)
        expect(splitEventId(text)).toEqual({ server: 'crm', id, request })
      }
    }
    for (const text of ['', '7', '.7', 'crm:.7', 'crm:%.7', 'crm:{}.7']) expect(splitEventId(text)).toBeNull()
  })
})

describe('a message', () => {
  test('a request of the server’s gets an id that leads back, a notification none', () => {
    const params = { message: 'Who?' }
    expect(crm.message({ jsonrpc: '2.0', id: 3, method: 'elicitation/create', params })).toEqual({
      jsonrpc: '2.0',
      id: 'crm:3',
      method: 'elicitation/create',
      params,
    })
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } } as const
    expect(crm.message(progress)).toBe(progress)
  })

  test('a request of the server’s has a token and a page that lead back as well', () => {
    const asked = (params: object) =>
      crm.message({ jsonrpc: '2.0', id: 3, method: 'elicitation/create', params: params as Json })?.params
    expect(asked({ _meta: { progressToken: 1, x: 1 }, message: 'Who?' })).toEqual({
      _meta: { progressToken: 'crm:1', x: 1 },
      message: 'Who?',
    })
    expect(asked({ _meta: { progressToken: 'a' }, elicitationId: 'b' })).toEqual({
      _meta: { progressToken: 'crm:"a"' },
      elicitationId: 'crm:"b"',
    })
    for (const params of [
      { _meta: {} },
      { _meta: null },
      { _meta: { progressToken: null } },
      { elicitationId: {} },
    ])
      expect(asked(params)).toEqual(params)
    const done = { jsonrpc: '2.0', method: 'notifications/elicitation/complete' } as const
    expect(crm.message({ ...done, params: { elicitationId: 'b' } })?.params).toEqual({
      elicitationId: 'crm:"b"',
    })
    const pages = (elicitations: unknown) => ({
      jsonrpc: '2.0' as const,
      id: 1,
      error: { code: -32_042, message: 'pages', data: { elicitations, more: 1 } },
    })
    expect(crm.message(pages([{ elicitationId: 'b', url: 'u' }, 7]))).toEqual(
      pages([{ elicitationId: 'crm:"b"', url: 'u' }, 7]),
    )
    for (const other of [
      pages({}),
      { ...pages([{ elicitationId: 'b' }]), error: { code: 1, message: 'no' } },
    ])
      expect(crm.message(other)).toBe(other)
    // The token of a client's own request is the client's.
    const progress = {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 1 },
    } as const
    expect(crm.message(progress)).toBe(progress)
  })

  test('of a client’s finds the one server that it concerns', () => {
    expect(concerning('notifications/progress', { progressToken: 'crm:1', progress: 2 })).toEqual({
      server: 'crm',
      params: { progressToken: 1, progress: 2 },
    })
    expect(concerning('notifications/elicitation/complete', { elicitationId: 'crm:"b"' })).toEqual({
      server: 'crm',
      params: { elicitationId: 'b' },
    })
    for (const params of [
      undefined,
      {},
      { progressToken: 1 },
      { progressToken: 'a' },
      { elicitationId: 'crm:1' },
    ])
      expect(concerning('notifications/progress', params)?.server).toBeNull()
    for (const method of ['notifications/roots/list_changed', 'notifications/x', 'notifications/cancelled'])
      expect(concerning(method, { progressToken: 'crm:1', elicitationId: 'crm:1' })).toBeNull()
  })

  test('a number in an id keeps its digits', () => {
    for (const literal of ['9007199254740993', '1.0', '-0', '1e3']) {
      const asked = parseRpc(
        `{"jsonrpc":"2.0","id":${literal},"method":"m","params":{"_meta":{"progressToken":${literal}}}}`,
      )
      const exposed = asked === null ? null : crm.message(asked)
      expect([exposed?.id, exposed?.params?._meta]).toEqual([
        `crm:${literal}`,
        { progressToken: `crm:${literal}` },
      ])
      expect(JSON.stringify(splitId(exposed?.id))).toBe(`{"server":"crm","id":${literal}}`)
    }
  })

  test('a request of its own that it takes back is named as the client knows it', () => {
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled' } as const
    expect(crm.message({ ...cancelled, params: { requestId: 3 } })?.params).toEqual({ requestId: 'crm:3' })
    expect(crm.message({ ...cancelled, params: {} })?.params).toEqual({})
  })

  test.each([result({}), { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'no' } } as const])(
    'an answer passes where its request was made, and nowhere else: %j',
    (answer) => {
      expect(crm.message(answer)).toBe(answer)
      expect(unasked.message(answer)).toBeNull()
      for (const other of [2, '1', 'a']) expect(rewritingFor('crm', other).message(answer)).toBeNull()
    },
  )

  test('a resource that changed is named as it is listed', () => {
    const updated = { jsonrpc: '2.0', method: 'notifications/resources/updated' } as const
    expect(crm.message({ ...updated, params: { uri: 'test://a', x: 1 } })?.params).toEqual({
      uri: 'crm+test://a',
      x: 1,
    })
    expect(crm.message({ ...updated, params: {} })?.params).toEqual({})
  })

  test('links in the result of a call', () => {
    const resource = { uri: 'test://a', text: 'test://a' }
    const link = { type: 'resource_link', uri: 'test://b', name: 'b' }
    const text = { type: 'text', text: 'see test://a' }
    const changed = crm.message(result({ content: [text, { type: 'resource', resource }, link, null, 7] }))
    expect(changed?.result?.content).toEqual([
      text,
      { type: 'resource', resource: { uri: 'crm+test://a', text: 'test://a' } },
      { ...link, uri: 'crm+test://b' },
      null,
      7,
    ])
  })

  test('in prompts and in contents that were read', () => {
    const content = { type: 'resource', resource: { uri: 'test://a' } }
    const changed = crm.message(
      result({
        messages: [{ role: 'user', content }, 'odd'],
        contents: [{ uri: 'test://b' }, { text: 'x' }],
      }),
    )
    expect(changed?.result).toEqual({
      messages: [{ role: 'user', content: { type: 'resource', resource: { uri: 'crm+test://a' } } }, 'odd'],
      contents: [{ uri: 'crm+test://b' }, { text: 'x' }],
    })
  })

  test.each<RpcMessage>([
    result({ completion: { values: ['test://a'] } }),
    result({ structuredContent: { uri: 'test://a' } }),
    { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'test://a', data: { uri: 'test://a' } } },
    { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
  ])('that names no resource passes as the very same object: %j', (message) => {
    expect(crm.message(message)).toBe(message)
  })

  test('of any JSON in a result, nothing else changes and nothing throws', () => {
    const json = fc.dictionary(fc.constantFrom('content', 'contents', 'messages', 'x'), fc.jsonValue())
    fc.assert(
      fc.property(json, (value) => {
        const before = JSON.stringify(value)
        const changed = crm.message(result(value))
        expect(JSON.stringify(value)).toBe(before)
        expect(Object.keys(changed?.result ?? {}).toSorted()).toEqual(Object.keys(value).toSorted())
      }),
    )
  })
})
