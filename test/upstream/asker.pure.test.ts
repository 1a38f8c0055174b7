/** Names of questions that say who has asked, and event marks that say whose a stream was. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExact } from '../../src/base/exact-json.ts'
import type { RpcId, RpcMessage } from '../../src/base/rpc.ts'
import { aboutQuestion, askedIn, exposeAsked, readAsked } from '../../src/upstream/asker.ts'
import { type Marked, markOf, splitMarked } from '../../src/upstream/event-marks.ts'

const TAG = '0123456789abcdef'
const rpcId: fc.Arbitrary<RpcId> = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constantFrom('1.0', '9007199254740993', '-0').map((text) => parseExact(text) as RpcId),
  fc.constant(exposeAsked(TAG, 'twice')),
)

describe('a question', () => {
  test('is found back by its id, whatever that is', () => {
    fc.assert(
      fc.property(rpcId, (id) => {
        expect(readAsked(exposeAsked(TAG, id))).toEqual({ tag: TAG, id })
      }),
    )
  })

  test.each([
    7,
    null,
    undefined,
    '',
    '7',
    `~${TAG}`,
    `~${TAG}:`,
    `~${TAG}:x`,
    `~${TAG}:{}`,
    `~${TAG}:null`,
    '~abc:7',
  ])('has no such name: %j', (id) => {
    expect(readAsked(id)).toBeNull()
    expect(aboutQuestion({ id, result: {} })).toBeNull()
  })

  test('is named by its id and by the token of its progress, and by nothing else', () => {
    const params = { a: 1, progressToken: 9, requestId: 9, _meta: { progressToken: 3, b: 2 } }
    expect(askedIn(TAG, { jsonrpc: '2.0', id: 7, method: 'roots/list', params })).toEqual({
      jsonrpc: '2.0',
      id: `~${TAG}:7`,
      method: 'roots/list',
      params: { ...params, _meta: { progressToken: `~${TAG}:3`, b: 2 } },
    })
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params } as const
    expect(askedIn(TAG, cancelled)).toEqual({ ...cancelled, params: { ...params, requestId: `~${TAG}:9` } })
  })

  test.each<RpcMessage>([
    { jsonrpc: '2.0', id: 7, result: { _meta: { progressToken: 1 } } },
    { jsonrpc: '2.0', id: 7, error: { code: 1, message: '' } },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
    {
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { requestId: 1, _meta: { progressToken: 1 } },
    },
    { jsonrpc: '2.0', method: 'notifications/cancelled' },
    { jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId: 1 } },
  ])('is none: %j', (message) => {
    expect(askedIn(TAG, message)).toBe(message)
  })

  test('is what its client speaks of, in an answer, of its progress and in a cancellation', () => {
    fc.assert(
      fc.property(rpcId, (id) => {
        const name = exposeAsked(TAG, id)
        const [result, params] = [{ a: 1 }, { reason: 'r' }]
        expect(aboutQuestion({ id: name, result })).toEqual({ asker: TAG, body: { id, result } })
        for (const [method, member] of [
          ['notifications/progress', 'progressToken'],
          ['notifications/cancelled', 'requestId'],
        ] as const)
          expect(aboutQuestion({ method, params: { ...params, [member]: name } })).toEqual({
            asker: TAG,
            body: { method, params: { ...params, [member]: id } },
          })
        expect(aboutQuestion({ id: name, method: 'ping' })).toBeNull()
        expect(aboutQuestion({ method: 'notifications/other', params: { requestId: name } })).toBeNull()
        expect(aboutQuestion({ method: 'constructor', params: { requestId: name } })).toBeNull()
      }),
    )
  })
})

describe('the mark of an event', () => {
  const pair = fc.record({ sent: rpcId, client: rpcId })
  const marked: fc.Arbitrary<Marked> = fc
    .record({ pair: fc.option(pair), asker: fc.option(fc.constant(TAG)) })
    .filter((it) => it.pair !== null || it.asker !== null)

  test('says what it was made of, in front of whatever id', () => {
    fc.assert(
      fc.property(marked, fc.string(), (it, id) => {
        const mark = markOf(it)
        expect(mark).toMatch(/^[!-~]+\.$/)
        expect(splitMarked(`${mark}${id}`)).toEqual({ ...it, id })
      }),
    )
  })

  test('is nothing where there is nothing to say', () => {
    expect(markOf({ pair: null, asker: null })).toBe('')
  })

  test('is read as older versions wrote it', () => {
    expect(splitMarked('gatehouse-ids=%5B%22a%22%2C7%5D.e.1')).toEqual({
      pair: { sent: 'a', client: 7 },
      asker: null,
      id: 'e.1',
    })
  })

  test.each(['[]', '[null,null]', '[1]', '[1,null,"t"]', '[1,2,3]', '{}', 'x', ''])('is none: %s', (said) => {
    expect(splitMarked(`gatehouse-ids=${encodeURIComponent(said)}.1`)).toBeNull()
  })
})
