/** What counts as a JSON-RPC message of an upstream, and whose answer it is. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  answers,
  isAnswer,
  isRequest,
  parseRpc,
  type RpcMessage,
  readRpc,
  rpcMessage,
} from '../../src/base/rpc.ts'

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
  { id: 1, result: null, error: null },
  { id: 1, error: { code: 1.5, message: 'x' } },
  { id: 1, error: {}, result: null },
  { method: null, id: 1 },
])('%j is none', (message) => {
  expect(rpcMessage({ jsonrpc: '2.0', ...message })).toBeNull()
})

const error = { code: -1, message: 'no' }
test.each<readonly [object, object]>([
  [
    { id: 1, result: null, error },
    { id: 1, error },
  ],
  [
    { id: 1, result: {}, error: null },
    { id: 1, result: {} },
  ],
  [
    { id: 1, result: { a: 1 }, error },
    { id: 1, error },
  ],
  [
    { id: 1, result: {}, error: '' },
    { id: 1, result: {} },
  ],
  [
    { id: 1, result: {}, error: {} },
    { id: 1, result: {} },
  ],
  [
    { id: 1, method: null, params: null, result: {} },
    { id: 1, result: {} },
  ],
  [{ method: 'x', params: null }, { method: 'x' }],
  [{ method: 'x', id: null }, { method: 'x' }],
  [
    { method: 'x', id: 1, result: {}, error },
    { method: 'x', id: 1 },
  ],
  [
    { id: 1, result: { _meta: 0, a: 1 } },
    { id: 1, result: { a: 1 } },
  ],
  [
    { method: 'x', params: { _meta: null, a: 1 } },
    { method: 'x', params: { a: 1 } },
  ],
  // The schemas of the official clients refuse a message with a member that JSON-RPC does not know.
  [
    { id: 1, result: { more: 1 }, more: 1, ['__proto__']: 2 },
    { id: 1, result: { more: 1 } },
  ],
  [
    { id: null, result: null, error, more: 1 },
    { id: null, error },
  ],
])('%j is read as %j, whoever asks what it is', (given, wanted) => {
  const read = rpcMessage({ jsonrpc: '2.0', ...given })
  expect(read).toStrictEqual({ jsonrpc: '2.0', ...wanted })
  expect(readRpc(JSON.stringify({ jsonrpc: '2.0', ...given }))).toEqual({ messages: [read], isAsSent: false })
})

test('what was read is of one kind, and of the types that it says', () => {
  const member = fc.oneof(
    fc.constant(undefined),
    fc.constant(null),
    fc.jsonValue({ maxDepth: 1 }),
    fc.constant(error),
  )
  const messages = fc.record({ id: member, method: member, params: member, result: member, error: member })
  fc.assert(
    fc.property(messages, (given) => {
      const read = rpcMessage({ jsonrpc: '2.0', ...given })
      if (read === null) return
      const kinds = [read.method, read.result, read.error].filter((it) => it !== undefined)
      expect(kinds).toHaveLength(1)
      expect(isAnswer(read)).toBe(read.method === undefined)
      for (const it of [read.params, read.result, read.error])
        expect(it === undefined || (typeof it === 'object' && it !== null && !Array.isArray(it))).toBe(true)
      expect(['string', 'undefined']).toContain(typeof read.method)
      if (isRequest(read)) expect(['string', 'number']).toContain(typeof read.id)
      // Reading it again changes nothing.
      expect(rpcMessage(read)).toBe(read)
    }),
  )
})

test('an array is the messages in it, and no single one', () => {
  const one = { jsonrpc: '2.0', id: 1, result: {} }
  const note = { jsonrpc: '2.0', method: 'notifications/x' }
  expect(readRpc(JSON.stringify([note, 7, null, [one], one]))).toEqual({
    messages: [note, one],
    isAsSent: false,
  })
  expect(readRpc(JSON.stringify(one))).toEqual({ messages: [one], isAsSent: true })
  expect(readRpc('[]').messages).toEqual([])
  expect(parseRpc(JSON.stringify([one]))).toBeNull()
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
