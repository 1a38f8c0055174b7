/** What a server says of its own in a stream is changed; all else passes in the same bytes, and is not held. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RpcMessage } from '../../src/base/rpc.ts'
import { LOOKED_AT_BYTES, OwnMessages } from '../../src/upstream/own-messages.ts'
import { EventParser } from '../../src/upstream/sse.ts'
import { bytesOf, cut } from '../support/pieces.ts'
import { processorClock } from '../support/processor-time.ts'

const encoder = new TextEncoder()
const change = (message: RpcMessage): RpcMessage =>
  message.method === undefined || message.id === undefined
    ? message
    : { ...message, id: `mine:${String(message.id)}` }

function passed(text: string, lengths: readonly number[] = []): string {
  const own = new OwnMessages(change)
  return bytesOf(cut(text, lengths).map((piece) => own.push(piece)))
}

const question = '{"jsonrpc":"2.0","id":7,"method":"roots/list"}'
const changed = '{"jsonrpc":"2.0","id":"mine:7","method":"roots/list"}'

describe('messages of the server’s own', () => {
  test.each<[string, string]>([
    [`data: ${question}\n\n`, `data: ${changed}\n\n`],
    [`data:${question}\r\n\r\n`, `data: ${changed}\n\n`],
    [`event: message\nid: 5\ndata: ${question}\n\n`, `event: message\nid: 5\ndata: ${changed}\n\n`],
    [`data: ${question}\nid: 5\nretry: 9\n: hm\n\n`, `: hm\nid: 5\nretry: 9\ndata: ${changed}\n\n`],
    [`: open\n\ndata: ${question}\n\n: more\n\n`, `: open\n\ndata: ${changed}\n\n: more\n\n`],
    ['data: {"jsonrpc":"2.0",\ndata: "id":7,\ndata: "method":"roots/list"}\n\n', `data: ${changed}\n\n`],
    ['data: {"jsonrpc":"2.0","id":7,"m\\u0065thod":"roots/list"}\n\n', `data: ${changed}\n\n`],
    [`data: [${question},${question}]\n\n`, `data: [${changed},${changed}]\n\n`],
    [`data: ${question}\n\ndata: ${question}\n\n`, `data: ${changed}\n\ndata: ${changed}\n\n`],
  ])('are changed: %j', (text, expected) => {
    expect(passed(text)).toBe(expected)
    for (let length = 1; length <= 20; length++)
      expect(new EventParser(1e6).push(passed(text, [length]))).toEqual(new EventParser(1e6).push(expected))
  })

  test.each([
    ': open\n\n',
    'data: {"jsonrpc":"2.0","id":7,"result":{"method":"x"}}\r\n\r\n',
    'data: {"jsonrpc":"2.0","method":"notifications/x"}\r\r',
    'data: {"method":"not JSON-RPC","id":7}\n\n',
    'data: not JSON "method"\n\n',
    'dato: "method"\n\nd\n\ndata\n\n',
    'id: 5\ndata: \n\n',
    '\uFEFFdata: {"jsonrpc":"2.0","id":7,"result":{}}\n\n',
    '\n\n\r\r\n\n',
  ])('are nothing else, which passes in the same bytes: %j', (text) => {
    for (let length = 1; length <= 20; length++) expect(passed(text, [length])).toBe(text)
    expect(passed(text)).toBe(text)
  })

  test('are changed behind a byte order mark', () => {
    expect(passed(`\uFEFFdata: ${question}\n\n`)).toBe(`data: ${changed}\n\n`)
  })

  test('are changed wherever the stream is cut, and the answers between them are not', () => {
    const line = fc.constantFrom('', '', 'id: 1', ': hm', 'event: message', 'retry: 5', 'data')
    const data = fc.constantFrom(
      `data: ${question}`,
      'data: {"jsonrpc":"2.0","id":1,"result":{"method":"é"}}',
      'data: {"jsonrpc":"2.0","method":"notifications/x","params":{}}',
    )
    const end = fc.constantFrom('\n', '\r\n', '\r')
    const text = fc
      .array(fc.tuple(fc.oneof(line, data), end).map((parts) => parts.join('')))
      .map((lines) => `${lines.join('')}\n\n`)
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 })
    fc.assert(
      fc.property(text, lengths, (before, cuts) => {
        const events = new EventParser(1e6).push(before)
        const after = new EventParser(1e6).push(passed(before, cuts))
        expect(after.map(({ data: it }) => it)).toEqual(
          events.map(({ data: it }) => (it?.trim() === question ? changed : it)),
        )
        expect(after.map(({ id }) => id)).toEqual(events.map(({ id }) => id))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('of a long event', () => {
  const long = 'x'.repeat(2 * LOOKED_AT_BYTES)
  test.each([
    `{"jsonrpc":"2.0","id":1,"result":{"text":"${long}"}}`,
    `{"result":{"method":"${long}"},"id":1,"jsonrpc":"2.0"}`,
    long,
  ])('that is an answer no more than its beginning is held', (data) => {
    const own = new OwnMessages(change)
    const text = `data: ${data}\n\n`
    let sent = 0
    let out = 0
    for (const piece of cut(text, [1_000])) {
      sent += piece.length
      out += own.push(piece).length
      expect(sent - out).toBeLessThanOrEqual(LOOKED_AT_BYTES + 1_000)
    }
    expect(out).toBe(encoder.encode(text).length)
  })

  test.each([
    (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"m","params":{"text":"${long}"}}`,
    (id: string) => `{"params":{"text":"${long}"},"jsonrpc":"2.0","id":${id},"method":"m"}`,
  ])('that is the server’s own everything is, and it is changed', (write) => {
    for (const length of [1_000, 65_537])
      expect(JSON.parse(passed(`data: ${write('7')}\n\n`, [length]).slice(6))).toEqual(
        JSON.parse(write('"mine:7"')),
      )
  })

  test('that is the server’s own so much is no message', () => {
    const own = new OwnMessages(change)
    const piece = encoder.encode('x'.repeat(1024 * 1024))
    own.push(encoder.encode('data: {"method":"'))
    expect(() => {
      for (let i = 0; i < 8; i++) own.push(piece)
    }).toThrow(/more than 8388608/)
  })

  test('takes time in proportion to its length', () => {
    const elapsedMs = processorClock()
    expect(passed(`data: {"method":"${'\\"'.repeat(3_000_000)}"}\n\n`, [4_096]).length).toBeGreaterThan(
      6_000_000,
    )
    expect(elapsedMs()).toBeLessThan(5_000)
  })
})

test('passes in the same bytes where nothing is held or changes', () => {
  const own = new OwnMessages(change)
  for (const text of [': open\n\n', 'event: mess', 'age\nid: 5\n']) {
    const piece = encoder.encode(text)
    expect(own.push(piece)).toBe(piece)
  }
})
