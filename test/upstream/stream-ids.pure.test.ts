/** Ids in streams that go by: the client's own in the answer, a mark in those of events, and not a byte else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IdPair } from '../../src/upstream/id-pair.ts'
import { EventParser } from '../../src/upstream/sse.ts'
import { StreamIds } from '../../src/upstream/stream-ids.ts'
import { bytesOf, cut } from '../support/pieces.ts'

const SENT = '1f0e7a52-0000-4000-8000-00000000beef'
const pair: IdPair = { sent: SENT, client: 1 }
const encoder = new TextEncoder()

function streamed(text: string, lengths: readonly number[] = [], mark = 'mark.'): string {
  const stream = new StreamIds(pair, () => mark)
  const pieces = cut(text, lengths).map((piece) => stream.push(piece))
  return bytesOf([...pieces, stream.end()])
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 })
const Q = JSON.stringify(SENT)

describe('a stream', () => {
  test.each<[string, string]>([
    [`data: {"id":${Q}}\n\n`, 'data: {"id":1}\n\n'],
    [`data:{"id":${Q}}\r\n\r\ndata: {"id":${Q}}\r\r`, 'data:{"id":1}\r\n\r\ndata: {"id":1}\r\r'],
    [`\uFEFFdata: {"id":${Q}}\n\n`, '\uFEFFdata: {"id":1}\n\n'],
    [`event: message\nid: 5\ndata: {"id":${Q}}\n\n`, 'event: message\nid: mark.5\ndata: {"id":1}\n\n'],
    ['id:5\nid:  6\nid\nid:\nid: \nidx: 7\n\n', 'id:mark.5\nid: mark. 6\nid\nid:\nid: \nidx: 7\n\n'],
    [`data: {"id"\ndata: :\ndata: ${Q}\ndata: }\n\n`, 'data: {"id"\ndata: :\ndata: 1\ndata: }\n\n'],
    [`data: {"a":"cut\n\ndata: {"id":${Q}}\n\n`, 'data: {"a":"cut\n\ndata: {"id":1}\n\n'],
    [`data: {"id":"cut\n\ndata: {"id":${Q}}\n\n`, 'data: {"id":"cut\n\ndata: {"id":1}\n\n'],
    [`: {"id":${Q}}\nevent: {"id":${Q}}\n\n`, `: {"id":${Q}}\nevent: {"id":${Q}}\n\n`],
    ['data: {"id":null,"method":"x"}\n\n', 'data: {"id":null,"method":"x"}\n\n'],
    ['data: {"method":"x"}\n\n', 'data: {"method":"x"}\n\n'],
    [`data: {"params":{"requestId":${Q}}}\n\n`, `data: {"params":{"requestId":${Q}}}\n\n`],
    [`database: {"id":${Q}}\n\n`, `database: {"id":${Q}}\n\n`],
  ])('%j', (text, expected) => {
    expect(streamed(text)).toBe(expected)
    for (let length = 1; length <= 20; length++) expect(streamed(text, [length])).toBe(expected)
  })

  test('passes in the same bytes where nothing changes', () => {
    const stream = new StreamIds(pair, () => 'mark.')
    for (const text of [': open\n\n', 'event: mess', 'age\ndata: {"method":"x"}\n\n']) {
      const piece = encoder.encode(text)
      expect(stream.push(piece)).toBe(piece)
    }
  })

  test('says the same events, but for ids, wherever it is cut', () => {
    const line = fc.oneof(
      fc.constantFrom('', '', 'id: 1', 'id:', 'event: message', ': hm', 'retry: 5', 'data'),
      fc.string().map((text) => text.replaceAll(/[\r\n]/g, '')),
      fc
        .constantFrom(
          { id: SENT },
          { id: SENT, result: { id: SENT } },
          { id: 'x' },
          { method: 'm', params: { a: SENT } },
        )
        .map((message) => `data: ${JSON.stringify(message)}`),
    )
    const text = fc
      .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')).map((parts) => parts.join('')))
      .map((lines) => `${lines.join('')}\n\n`)
    fc.assert(
      fc.property(text, lengths, (before, cuts) => {
        const events = new EventParser(1e6).push(before)
        const after = new EventParser(1e6).push(streamed(before, cuts))
        expect(after).toEqual(
          events.map(({ id, data, ...rest }) => ({
            ...rest,
            ...(id === undefined ? {} : { id: id === '' ? '' : `mark.${id}` }),
            data: restored(data),
          })),
        )
      }),
      { numRuns: 1_000 },
    )
  })

  /** Data of one message, with its id restored. */
  function restored(data: string | null): string | null {
    if (data === null) return null
    try {
      const message: unknown = JSON.parse(data)
      const isOurs = typeof message === 'object' && message !== null && 'id' in message && message.id === SENT
      return isOurs ? data.replace(`"id":${Q}`, '"id":1') : data
    } catch {
      // Not a message, so nobody reads it; lines of it may look like one.
      return data.replaceAll(new RegExp(`^(\\{)?"id":${Q}`, 'gm'), (all, brace) =>
        brace === undefined ? all : '{"id":1',
      )
    }
  }
})
