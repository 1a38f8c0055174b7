/** What the policy sees of a client's text is what its server reads; what only names a request stays as it was written. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { asWritten, type Reading } from '../../src/request/as-written.ts'
import { loadProtocol } from '../../src/request/protocol.ts'
import { readMessage } from '../../src/request/read-message.ts'

const noHeaders = { protocolVersion: '2025-11-25', method: null, name: null }

beforeAll(async () => {
  await loadProtocol()
})

function read(text: string): Reading {
  return readMessage(JSON.parse(text), asWritten(text), noHeaders)
}

/** The message as a server would get it. */
function sent({ message }: Reading): string {
  if (!('body' in message)) throw new Error(`a message of kind ${message.kind}`)
  return JSON.stringify(message.body)
}

/** Runs of the property outside CI: `PROPERTY_RUNS=20000 npx vitest run test/request/as-written.pure.test.ts`. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 1_000)

describe('ids and tokens', () => {
  test.each([
    '1764446400123456789',
    '1.0',
    '1e3',
    '-0',
    '9007199254740993',
    '12345678901234567890123',
    '1E2',
  ])('are passed on as %s', (literal) => {
    const call = `{"jsonrpc":"2.0","id":${literal},"method":"tools/call","params":{"name":"t","_meta":{"progressToken":${literal}}}}`
    for (const text of [
      call,
      `{"jsonrpc":"2.0","id":${literal},"method":"ping"}`,
      `{"jsonrpc":"2.0","id":${literal},"result":{}}`,
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${literal},"id":"x"}}`,
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${literal},"progress":1,"id":0}}`,
    ]) {
      const reading = read(text)
      expect(reading.lost.number).toBeNull()
      expect(sent(reading)).toBe(text)
      if (text.includes('"id"') && 'id' in JSON.parse(text)) expect(JSON.stringify(reading.id)).toBe(literal)
    }
  })

  test.each(['1e400', '1.5', '0.99999999999999999999', '1e-400', `1${'0'.repeat(70)}`])(
    'are not %s',
    (literal) => {
      for (const text of [
        `{"jsonrpc":"2.0","id":${literal},"method":"ping"}`,
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":${literal}}}}`,
      ]) {
        const { message, id } = read(text)
        if (literal === '1e400') expect(sent(read(text))).toBe(text)
        else expect(message.kind).toBe('refused')
        expect(JSON.stringify(id)).toBe(/"id":([^,]*)/.exec(text)?.[1])
      }
    },
  )

  test('of each message of a batch', () => {
    const part = (id: string, n = '1') =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t","arguments":{"n":${n}}}}`
    const text = `[${part('9007199254740993')},${part('2')},${part('3', '9007199254740993')}]`
    const { message } = read(text)
    if (message.kind !== 'batch') throw new Error('no batch')
    const parts = message.bodies.map((body, i) => readMessage(body, message.written?.[i] ?? null, noHeaders))
    expect(parts.map(({ id }) => JSON.stringify(id))).toEqual(['9007199254740993', '2', '3'])
    expect(parts.map(({ lost }) => lost.number)).toEqual([null, null, '9007199254740993'])
  })

  test.each([
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"id":9007199254740993}}}',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"progressToken":9007199254740993}}}',
    ],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","requestId":9007199254740993}}'],
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"x":{"progressToken":9007199254740993}}}}',
    ],
    [
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"t","arguments":[9007199254740993]}}',
    ],
    ['{"jsonrpc":"2.0","id":"q","result":{"action":"accept","content":{"n":9007199254740993}}}'],
    ['{"jsonrpc":"2.0","method":"notifications/x","params":{"requestId":9007199254740993}}'],
  ])('are nowhere else: %s', (text) => {
    expect(read(text).lost.number).toBe('9007199254740993')
  })
})

describe('in a text of millions of characters', () => {
  const digits = '1'.repeat(5_000_000)
  const spaces = ' '.repeat(5_000_000)
  test.each([
    ['an id of so many digits', `{"jsonrpc":"2.0","method":"ping","id":${digits}}`],
    ['a fraction of so many digits', `{"jsonrpc":"2.0","method":"ping","id":1.${digits}}`],
    ['an exponent of so many digits', `{"jsonrpc":"2.0","method":"ping","id":1e${digits}}`],
    [
      'a token of so many digits',
      `{"jsonrpc":"2.0","method":"ping","id":1,"params":{"_meta":{"progressToken":${digits}}}}`,
    ],
  ])('%s is no id, and is refused', (_, text) => {
    expect(read(text).message.kind).toBe('refused')
  })

  test('so many spaces before an id change nothing', () => {
    const text = `{"jsonrpc":"2.0","method":"ping","id"${spaces}:${spaces}1.0}`
    expect(sent(read(text))).toContain('"id":1.0')
  })
})

describe('numbers that are lost', () => {
  test('count where they stand last, as for every reader', () => {
    const text = (args: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${args}}}`
    expect(read(text('{"a":1e400,"a":1}')).lost.number).toBeNull()
    expect(read(text('{"a":1,"\\u0061":1e400}')).lost.number).toBe('1e400')
    expect(JSON.parse(sent(read(text('{"a":1e400,"a":1}'))))).toMatchObject({
      params: { arguments: { a: 1 } },
    })
  })

  /** JSON text as nobody writes it: every spelling of a number, names twice, names in escapes, blanks, depth. */
  const number = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => JSON.stringify(it)),
    fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
        fc.constantFrom('', '.0', '.5', '.000', '.10'),
        fc.constantFrom('', 'e0', 'E+1', 'e-1', 'e2', 'e400', 'e-400', 'e+15', 'e-20'),
      )
      .map((parts) => parts.join('')),
    fc.constantFrom(
      '1e400',
      '-1e400',
      '9007199254740993.0',
      '9007199254740993e0',
      '90071992547409930e-1',
      '-0',
      '0.1',
    ),
  )
  const name = fc.constantFrom(
    '"a"',
    '"\\u0061"',
    '"b"',
    '"id"',
    '"__proto__"',
    '"1"',
    '"progressToken"',
    '"toJSON"',
    '"constructor"',
  )
  const blank = fc.constantFrom('', ' ', '\n', '\t', '\r\n')
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      number,
      fc.constantFrom(
        'null',
        'true',
        'false',
        '"1e400"',
        '"\\"9007199254740993"',
        '""',
        '"\\ud800"',
        '[]',
        '{}',
      ),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
      fc
        .array(fc.tuple(name, blank, tie('value')), { maxLength: 5 })
        .map(
          (members) =>
            `{${members.map(([key, space, it]) => `${space}${key}${space}:${space}${it}${space}`).join(',')}}`,
        ),
    ),
  }))
  const object = (keys: fc.Arbitrary<string>) =>
    fc
      .array(fc.tuple(keys, blank, value), { maxLength: 5 })
      .map((members) => `{${members.map(([key, space, it]) => `${key}${space}:${space}${it}`).join(',')}}`)

  test('are refused, and whatever is not refused arrives as the policy saw it', () => {
    fc.assert(
      fc.property(
        object(name),
        object(fc.constantFrom('"a"', '"id"', '"\\u0061"')),
        number,
        (args, meta, id) => {
          const text = `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t","arguments":${args},"_meta":${meta}},"id":${id}}`
          const reading = read(text)
          const { message, lost: found } = reading
          if (message.kind !== 'request') return
          const seen = message.body.params?.arguments
          expect(found.argument === null).toBe(!hasLost(args))
          expect(found.number === null).toBe(!hasLost(args) && !hasLost(meta))
          if (found.number !== null) return
          const arrived = JSON.parse(sent(reading)) as {
            params: { arguments: unknown }
          }
          expect(arrived.params.arguments).toEqual(withoutMinus(seen))
          expect(arrived.params.arguments).toEqual(withoutMinus(JSON.parse(args)))
          if (JSON.stringify(JSON.parse(id)) !== id || !Number.isFinite(Number(id)))
            expect(sent(reading)).toContain(`"id":${id}`)
        },
      ),
      { numRuns: RUNS },
    )
  })

  /** Whether a text has, where it counts, a number that is lost: told by exact arithmetic, not as the code tells it. */
  function hasLost(text: string): boolean {
    let isLost = false
    const revive = (_: string, it: unknown, { source }: { source: string }) => {
      if (typeof it === 'number' && lost(source, it)) isLost = true
      return it
    }
    // Reviving visits what is there in the end: of names that stand twice, the last.
    ;(
      JSON.parse as (
        text: string,
        revive: (key: string, value: unknown, context: { source: string }) => unknown,
      ) => unknown
    )(text, revive)
    return isLost
  }

  function lost(source: string, it: number): boolean {
    if (!Number.isFinite(it)) return true
    const [, sign = '', whole = '', fraction = '', exponent = '0'] =
      /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
    const digits = BigInt(`${sign}${whole}${fraction}`)
    const shift = Number(exponent) - fraction.length
    if (shift < 0 && digits % 10n ** BigInt(-shift) !== 0n) return false
    const integer = shift < 0 ? digits / 10n ** BigInt(-shift) : digits * 10n ** BigInt(shift)
    if (BigInt(it) === integer) return false
    return !(/^-?\d(\.\d+)?[eE]/.test(source) && decimal(String(it)) === integer)
  }

  function decimal(text: string): bigint {
    const [, sign = '', whole = '', fraction = '', exponent = '0'] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text) ?? []
    return BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(Number(exponent) - fraction.length)
  }

  /** -0 is 0 to every comparison, and arrives as it. */
  function withoutMinus(it: unknown): unknown {
    return JSON.parse(JSON.stringify(it) ?? 'null')
  }
})
