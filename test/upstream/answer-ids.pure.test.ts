/** Ids on their way back: the client's own where it was ours, and not a byte else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExact } from '../../src/base/exact-json.ts'
import type { RpcId } from '../../src/base/rpc.ts'
import { AnswerIds, withClientId } from '../../src/upstream/answer-ids.ts'
import type { IdPair } from '../../src/upstream/id-pair.ts'
import { bytesOf, cut } from '../support/pieces.ts'
import { processorClock } from '../support/processor-time.ts'

const SENT = '1f0e7a52-0000-4000-8000-00000000beef'
const pair: IdPair = { sent: SENT, client: 1 }
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function answered(text: string, lengths: readonly number[] = [], ids: IdPair = pair): string {
  const answer = new AnswerIds(ids)
  const pieces = cut(text, lengths).map((piece) => answer.push(piece))
  return bytesOf([...pieces, answer.end()])
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
