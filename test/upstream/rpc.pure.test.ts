/** What counts as a JSON-RPC message of an upstream, and whose answer it is. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answers, isAnswer, parseRpc, type RpcMessage, rpcMessage } from '../../src/upstream/rpc.ts'

test.each([
  { id: 1, result: {} },
  { id: 'a', result: { content: [] } },
  { id: 1, error: { code: -1, message: 'no' } },
  { id: null, error: { code: -1, message: 'no', data: 7 } },
  { error: { code: -1, message: 'no' } },
  { method: 'ping', id: 1 },
  { method: 'notifications/x', params: {} },
])('%j is a message', (message) => {
  expect(rpcMessage({ jsonrpc: '2.0', ...message })).toEqual({ jsonrpc: '2.0', ...message })
  expect(rpcMessage(message)).toBeNull()
})

test.each([
  { id: 1 },
  { id: 1, result: 7 },
  { id: 1, result: null },
  { id: 1, result: [] },
  { id: {}, result: {} },
  { id: true, result: {} },
  { id: 1, error: 'no' },
  { id: 1, error: { code: '1', message: 'no' } },
  { id: 1, error: { code: 1 } },
  { method: 7 },
  { method: 'x', params: [1] },
  { method: 'x', params: null },
])('%j is none', (message) => {
  expect(rpcMessage({ jsonrpc: '2.0', ...message })).toBeNull()
})

test.each(['', 'null', '7', '"x"', '[]', '{', '[{"jsonrpc":"2.0","id":1,"result":{}}]'])(
  '%j is none',
  (text) => {
    expect(parseRpc(text)).toBeNull()
  },
)

test('answers are told by their id; an error may lack it', () => {
  const answer = (more: object): RpcMessage => ({ jsonrpc: '2.0', ...more }) as RpcMessage
  expect(answers(answer({ id: 1, result: {} }), 1)).toBe(true)
  expect(answers(answer({ id: '1', result: {} }), 1)).toBe(false)
  expect(answers(answer({ id: null, result: {} }), 1)).toBe(false)
  const error = { code: 1, message: 'x' }
  for (const id of [1, null, undefined]) expect(answers(answer({ id, error }), 1)).toBe(true)
  expect(answers(answer({ id: 2, error }), 1)).toBe(false)
  expect(answers(answer({ id: 1, method: 'roots/list' }), 1)).toBe(false)
  expect([isAnswer(answer({ id: 1, result: {} })), isAnswer(answer({ method: 'x' }))]).toEqual([true, false])
})

test('nothing that parses throws', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const message = parseRpc(text)
      expect(message === null || message.jsonrpc === '2.0').toBe(true)
    }),
  )
})
