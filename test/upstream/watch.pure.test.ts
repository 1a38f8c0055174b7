/** An event stream that is watched while it goes by, in pieces of any size. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventWatch } from '../../src/upstream/watch.ts'

const answer = { jsonrpc: '2.0', id: 7, result: { ok: true } }
const event = (message: object, lines = '') => `${lines}event: message\ndata: ${JSON.stringify(message)}\n\n`

function watched(text: string, mostChars?: number): EventWatch {
  const watch = new EventWatch(7, mostChars)
  watch.push(text)
  return watch
}

describe('the answer', () => {
  test('is found among notifications, requests and answers to others', () => {
    const others = [
      { jsonrpc: '2.0', method: 'notifications/progress', params: {} },
      { jsonrpc: '2.0', id: 7, method: 'roots/list' },
      { jsonrpc: '2.0', id: 8, result: {} },
      { jsonrpc: '2.0', id: '7', result: {} },
    ]
    expect(watched(others.map((it) => event(it)).join('')).answer).toBeNull()
    expect(watched([...others, answer].map((it) => event(it)).join('')).answer).toEqual(answer)
  })

  test('may be an error, also one without an id', () => {
    const error = { jsonrpc: '2.0', id: null, error: { code: -32_700, message: 'x' } }
    expect(watched(event(error)).answer).toEqual(error)
  })

  test('may stand in an array, among others', () => {
    const question = { jsonrpc: '2.0', id: 'q', method: 'ping' }
    const watch = watched(
      `data: ${JSON.stringify([question, { jsonrpc: '2.0', id: 8, result: {} }, answer])}\n\n`,
    )
    expect([watch.answer, watch.asked]).toEqual([answer, 1])
  })

  test.each([
    ['an event of another type', `event: other\ndata: ${JSON.stringify(answer)}\n\n`],
    ['an event that was abandoned', `event: message\ndata: ${JSON.stringify(answer)}\nevent: abandoned\n\n`],
    ['a comment', `: ${JSON.stringify(answer)}\n\n`],
    ['an event without its end', `data: ${JSON.stringify(answer)}\n`],
    ['no JSON', 'data: {"jsonrpc"\n\n'],
  ])('is not %s', (_, text) => {
    expect(watched(text).answer).toBeNull()
  })

  test('may have no type, several lines of data, and any line ends', () => {
    const [head, tail] = ['{"jsonrpc":"2.0",', '"id":7,"result":{"ok":true}}']
    for (const end of ['\n', '\r', '\r\n'])
      expect(watched(`data:${head}${end}data: ${tail}${end}${end}`).answer).toEqual(answer)
  })

  test('that is too long is cut, a notification that is too long is none', () => {
    const long = 'x'.repeat(200)
    expect(watched(event({ jsonrpc: '2.0', id: 7, result: { long } }), 100).answer).toBe('cut')
    expect(
      watched(event({ jsonrpc: '2.0', method: 'notifications/x', params: { long } }), 100).answer,
    ).toBeNull()
    const both = event({ jsonrpc: '2.0', method: 'x', params: { long } }) + event(answer)
    expect(watched(both, 100).answer).toEqual(answer)
  })

  test('is not looked for where the stream answers nothing', () => {
    const watch = new EventWatch(null)
    watch.push(event(answer))
    expect(watch.answer).toBeNull()
  })
})

test('whether a client may come back for more', () => {
  expect(watched(event(answer)).isResumable).toBe(false)
  expect(watched('id:\ndata:\n\n').isResumable).toBe(false)
  expect(watched('id: 1\ndata:\n\n').isResumable).toBe(true)
  expect(watched('id: 1\ndata: cut').isResumable).toBe(false)
  expect(watched('id: 1\n\nid: 2').isResumable).toBe(true)
})

test('a question is open until it is withdrawn; a ping is none', () => {
  const watch = new EventWatch(7)
  const states = [
    { id: 1, method: 'ping' },
    { id: 1, method: 'elicitation/create', params: {} },
    { id: '1', method: 'roots/list' },
    { method: 'notifications/message', params: {} },
    { method: 'notifications/cancelled', params: { requestId: 1 } },
    { method: 'notifications/cancelled', params: { requestId: 1 } },
    { method: 'notifications/cancelled' },
    { method: 'notifications/cancelled', params: { requestId: '1' } },
  ].map((message) => {
    watch.push(event({ jsonrpc: '2.0', ...message }))
    return watch.isAsking
  })
  expect(states).toEqual([false, true, true, true, true, true, true, false])
})

test('whether it stands in the middle of an event', () => {
  const watch = new EventWatch(7)
  const states = ['data: x', '\n', '\n', ': hm', '\r', '', '\n', '\r\n'].map((piece) => {
    watch.push(piece)
    return watch.isInEvent
  })
  expect(states).toEqual([true, true, false, true, true, true, true, false])
})

test('the pieces that it comes in make no difference', () => {
  const text = `: open\r\n\r\n${event({ jsonrpc: '2.0', method: 'x' }, 'id: 1\r')}${event(answer)}: end\n\n`
  fc.assert(
    fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 20 }), (cuts) => {
      const watch = new EventWatch(7)
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length]
      for (const [i, place] of places.entries()) watch.push(text.slice(place, places[i + 1] ?? text.length))
      expect([watch.answer, watch.isResumable, watch.isInEvent]).toEqual([answer, true, false])
    }),
  )
})
