/** Ids on their way back: the client's own where it was ours, and not a byte else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExact } from '../../src/exact-json.ts'
import { AnswerIds, type IdPair, StreamIds, withClientId } from '../../src/upstream/answer-ids.ts'
import type { RpcId } from '../../src/upstream/rpc.ts'
import { EventParser } from '../../src/upstream/sse.ts'
import { processorClock } from '../support/processor-time.ts'

const SENT = '1f0e7a52-0000-4000-8000-00000000beef'
const pair: IdPair = { sent: SENT, client: 1 }
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function bytesOf(pieces: readonly Uint8Array[]): string {
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return decoder.decode(all)
}

/** The bytes of a text, cut into pieces of these lengths, over and over. */
function cut(text: string, lengths: readonly number[]): Uint8Array[] {
  const bytes = encoder.encode(text)
  const pieces: Uint8Array[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const length = lengths.length === 0 ? bytes.length : (lengths[i % lengths.length] ?? 1)
    pieces.push(bytes.slice(at, at + length))
    at += length
  }
  return pieces
}

function answered(text: string, lengths: readonly number[] = [], ids: IdPair = pair): string {
  const answer = new AnswerIds(ids)
  const pieces = cut(text, lengths).map((piece) => answer.push(piece))
  return bytesOf([...pieces, answer.end()])
}

function streamed(text: string, lengths: readonly number[] = [], mark = 'mark.'): string {
  const stream = new StreamIds(pair, () => mark)
  const pieces = cut(text, lengths).map((piece) => stream.push(piece))
  return bytesOf([...pieces, stream.end()])
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 })
const Q = JSON.stringify(SENT)

describe('an answer', () => {
  test.each<[string, string]>([
    [`{"jsonrpc":"2.0","id":${Q},"result":{}}`, '{"jsonrpc":"2.0","id":1,"result":{}}'],
    [`{"result":{"id":${Q}},"jsonrpc":"2.0","id":${Q}}`, `{"result":{"id":${Q}},"jsonrpc":"2.0","id":1}`],
    [`{ "id" :\n ${Q} }`, '{ "id" :\n 1 }'],
    [`{"id":${Q},"result":["id",${Q},{"id":${Q}}]}`, `{"id":1,"result":["id",${Q},{"id":${Q}}]}`],
    [
      `{"result":{"text":"\\"id\\":\\"${SENT}\\""},"id":${Q}}`,
      `{"result":{"text":"\\"id\\":\\"${SENT}\\""},"id":1}`,
    ],
    [`{"text":${Q},"id":${Q}}`, `{"text":${Q},"id":1}`],
    [`{"\\u0069d":${Q}}`, '{"\\u0069d":1}'],
    [`{"id":"\\u0031${SENT.slice(1)}"}`, '{"id":1}'],
    [`{"id":"${[...SENT].map((it) => `\\u00${it.charCodeAt(0).toString(16)}`).join('')}"}`, '{"id":1}'],
    [`{"a":"\\\\","id":${Q}}`, '{"a":"\\\\","id":1}'],
    [`{"a":"\\\\\\"","id":${Q}}`, '{"a":"\\\\\\"","id":1}'],
    [`{"id":${Q},"id":${Q}}`, '{"id":1,"id":1}'],
    [`[{"id":${Q}},{"id":"x"},{"a":{"id":${Q}}}]`, `[{"id":1},{"id":"x"},{"a":{"id":${Q}},"id":1}]`],
    // An error that names nobody is the answer to what it answers.
    ['{"id":null,"error":{}}', '{"id":1,"error":{}}'],
    ['{"error":{},"id":""}', '{"error":{},"id":1}'],
    ['{"error":{}}', '{"error":{},"id":1}'],
    ['{}', '{"id":1}'],
  ])('%s', (text, expected) => {
    expect(answered(text)).toBe(expected)
    for (let length = 1; length <= 20; length++) expect(answered(text, [length])).toBe(expected)
  })

  test.each([
    '{"id":"another","result":{}}',
    `{"id":"${SENT}1"}`,
    `{"id":{"id":${Q}}}`,
    `{"id":[${Q}]}`,
    '{"id":7}',
    '{"id":-1.5e3 }',
    '{"id":true,"a":1}',
    `{"id":"${'x'.repeat(2_000)}"}`,
    '"id"',
    '',
    'id',
    '}}}{{{"id":',
    `{"id":"\\`,
    `{"id":12`,
  ])('to another, or none at all, passes as it is: %s', (text) => {
    for (let length = 1; length <= 20; length++) expect(answered(text, [length])).toBe(text)
    const answer = new AnswerIds(pair)
    answer.push(encoder.encode(text))
    expect(answer.isRestored).toBe(false)
  })

  test('passes in the same bytes where nothing changes', () => {
    const piece = encoder.encode('{"result":{}')
    expect(new AnswerIds(pair).push(piece)).toBe(piece)
  })

  const blank = fc.constantFrom('', ' ', '\n', '\t\r\n')
  const name = fc.oneof(fc.string(), fc.constantFrom('id', 'i', 'd', '"id"', '\\', '__proto__'))
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, SENT, 'id', '\\"', '\\\\'),
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value')), fc.dictionary(name, tie('value'))),
  }))
  const clientId: fc.Arbitrary<RpcId> = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('1.0', '9007199254740993', '-0', '1E2').map((text) => parseExact(text) as RpcId),
  )

  test('has the client’s id and else nothing new, wherever it is cut and however it is written', () => {
    fc.assert(
      fc.property(
        fc.dictionary(name, value),
        fc.nat(),
        clientId,
        blank,
        lengths,
        (members, place, client, space, cuts) => {
          const { id: _, ...others } = members
          const written = Object.entries(others).map(
            ([key, it]) => `${JSON.stringify(key)}${space}:${space}${JSON.stringify(it)}`,
          )
          const at = place % (written.length + 1)
          const text = (id: string) =>
            `{${space}${[...written.slice(0, at), `"id"${space}:${space}${id}`, ...written.slice(at)].join(`${space},`)}${space}}`
          expect(answered(text(Q), cuts, { sent: SENT, client })).toBe(text(JSON.stringify(client)))
          expect(answered(text('"other"'), cuts, { sent: SENT, client })).toBe(text('"other"'))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('has it as a text that is whole, too', () => {
    const whole = (text: string) => {
      const out = withClientId(text, pair)
      return typeof out === 'string' ? out : decoder.decode(out)
    }
    for (const text of [
      `{"jsonrpc":"2.0","id":${Q},"result":{}}`,
      `{"result":{"id":${Q}},"jsonrpc":"2.0","id":${Q}}`,
      `{"result":{"id":${Q}},"jsonrpc":"2.0","id":"\\u0031${SENT.slice(1)}"}`,
      `{"result":"\\"${SENT}\\"","id":${Q}}`,
      '{"error":{},"id":null}',
      '{"error":{}}',
    ])
      expect(whole(text)).toBe(answered(text))
  })

  test('passes whatever it is, at most with a last member', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.json()), lengths, (text, cuts) => {
        const out = answered(text, cuts)
        if (!out.includes('"id":1')) expect(out).toBe(decoder.decode(encoder.encode(text)))
      }),
    )
  })
})

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

test.each<[string, string]>([
  ['strings', JSON.stringify({ result: { text: 'x'.repeat(8_000_000) }, id: SENT })],
  ['escapes', JSON.stringify({ result: { text: '\n"\\'.repeat(1_000_000) }, id: SENT })],
  [
    'names',
    JSON.stringify({
      result: Array.from({ length: 200_000 }, (_, i) => ({ name: `n${i}`, id: SENT })),
      id: SENT,
    }),
  ],
  ['backslashes', `{"a":"${'\\\\'.repeat(4_000_000)}","id":${Q}}`],
])('%s are looked through in time in proportion to their length', (_, text) => {
  const pieces = cut(text, [65_536])
  const elapsedMs = processorClock()
  const answer = new AnswerIds(pair)
  for (const piece of pieces) answer.push(piece)
  const tookMs = elapsedMs()
  expect(answer.isRestored).toBe(true)
  expect(tookMs).toBeLessThan(5_000)
})
