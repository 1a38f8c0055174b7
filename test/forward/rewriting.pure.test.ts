/** What changes in a server's messages where several share one URL, and what does not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exposeId, rewritingFor, splitEventId, splitId } from '../../src/forward/rewriting.ts'
import type { RpcMessage } from '../../src/upstream/rpc.ts'

const crm = rewritingFor('crm')
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
    expect(splitEventId(crm.eventId('a.b_1'))).toEqual({ server: 'crm', id: 'a.b_1' })
    expect(splitEventId(crm.eventId(''))).toEqual({ server: 'crm', id: '' })
    for (const text of ['', '7', '.7']) expect(splitEventId(text)).toBeNull()
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
