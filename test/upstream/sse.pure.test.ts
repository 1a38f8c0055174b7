import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventParser, EventTooLargeError, formatEvent, type SseEvent } from '../../src/upstream/sse.ts'
import { processorClock } from '../support/processor-time.ts'

const parse = (...pieces: string[]) => {
  const parser = new EventParser(1_000_000)
  return pieces.flatMap((piece) => parser.push(piece))
}
const said = (data: string | null, rest: Partial<SseEvent> = {}): SseEvent => ({
  data,
  comments: [],
  ...rest,
})

/** Parts of a stream, valid and not. */
const part = fc.oneof(
  fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    ':',
    ' ',
    'data',
    'data: x',
    'dat',
    'a: x',
    'event:',
    'id',
    'retry: 1',
    '\0',
  ),
  fc.constantFrom('\uFEFF', 'ä', '😀'),
  fc.string({ maxLength: 5 }),
)

/** The text in pieces that end at these places. */
function cut(text: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return at.slice(1).map((end, i) => text.slice(at[i], end))
}

/** Events with data, as the parser of the protocol's own SDK reads them. */
function independently(pieces: readonly string[]): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  for (const piece of pieces) parser.feed(piece)
  return events
}

describe('an event stream', () => {
  test.each<[string, string, SseEvent[]]>([
    ['an event', 'data: a\n\n', [said('a')]],
    [
      'an event with all its fields',
      'event: e\nid: 7\nretry: 10\ndata: a\n\n',
      [said('a', { event: 'e', id: '7', retry: 10 })],
    ],
    ['several lines of data', 'data: a\ndata\ndata:b\n\n', [said('a\n\nb')]],
    ['data that is empty', 'data\n\ndata\ndata\n\ndata:', [said(''), said('\n')]],
    ['only one space is no data', 'data:  a\n\n', [said(' a')]],
    ['lines that end with CR', 'data: a\rdata: b\r\r', [said('a\nb')]],
    ['lines that end with CR LF', 'data: a\r\ndata: b\r\n\r\n', [said('a\nb')]],
    [
      'lines that end differently',
      'data: a\n\rdata: b\r\n\ndata: c\n\r\n',
      [said('a'), said('b'), said('c')],
    ],
    ['a byte order mark', '\uFEFFdata: a\n\n', [said('a')]],
    ['a second byte order mark', '\uFEFF\uFEFFdata: a\n\n', []],
    ['a comment', ': hi\n:\n\n', [said(null, { comments: [' hi', ''] })]],
    ['a comment within an event', 'data: a\n:b\n\n', [said('a', { comments: ['b'] })]],
    ['an id alone', 'id: 1\n\n', [said(null, { id: '1' })]],
    ['an id that is taken back', 'id\n\n', [said(null, { id: '' })]],
    ['an id with NUL', 'id: a\0b\ndata: x\n\n', [said('x')]],
    ['a waiting time alone', 'retry: 500\n\n', [said(null, { retry: 500 })]],
    ['a waiting time that is none', 'retry: 5x\nretry: -1\nretry:\nretry: 1234567890123456\n\n', []],
    [
      'the last of two',
      'event: a\nevent: b\nid: 1\nid: 2\ndata: x\n\n',
      [said('x', { event: 'b', id: '2' })],
    ],
    ['fields that nobody knows', 'foo: a\nDATA: b\n data: c\n\n', []],
    ['empty lines', '\n\n\r\n\n', []],
    ['an event that is cut off', 'data: a\n\ndata: b\n', [said('a')]],
  ])('has %s', (_, text, events) => {
    expect(parse(text)).toEqual(events)
    expect(parse(...text)).toEqual(events)
  })

  test('remembers nothing from one event to the next', () => {
    expect(parse('event: a\nid: 1\nretry: 1\n:c\ndata: x\n\ndata: y\n\n')[1]).toEqual(said('y'))
  })

  test('says the same however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 40 }),
        fc.array(fc.nat(200), { maxLength: 10 }),
        (parts, cuts) => {
          const text = parts.join('')
          expect(parse(...cut(text, cuts))).toEqual(parse(text))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('is read as another parser reads it', () => {
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 40 }),
        fc.array(fc.nat(200), { maxLength: 10 }),
        (parts, cuts) => {
          // A line in front: the other leaves a byte order mark to the decoder. A line behind: it waits whether an LF follows a CR.
          const pieces = [':\n', ...cut(parts.join(''), cuts), ':\n']
          const events = parse(...pieces).filter(({ data }) => data !== null)
          expect(events.map(({ event, id, data }) => ({ event: event || undefined, id, data }))).toEqual(
            independently(pieces),
          )
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

describe('an event', () => {
  test('is written as it is read', () => {
    expect(formatEvent({ event: 'e', id: '7', retry: 10, data: 'a\nb', comments: [' c'] })).toBe(
      ': c\nevent: e\nid: 7\nretry: 10\ndata: a\ndata: b\n\n',
    )
    expect(formatEvent(said(''))).toBe('data: \n\n')
    expect(formatEvent(said(null, { id: '' }))).toBe('id: \n\n')
    expect(formatEvent(said(null))).toBe('')
  })

  test('cannot smuggle fields', () => {
    expect(
      formatEvent({ event: 'e\ndata: x', id: '1\r\rid: 2', data: 'a\rid: 3', comments: ['c\ndata: d'] }),
    ).toBe(':c\n:data: d\nevent: e\nid: 1\ndata: a\ndata: id: 3\n\n')
    expect(formatEvent(said('a', { id: '\0', retry: 1.5 }))).toBe('data: a\n\n')
  })

  test('comes back', () => {
    const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\r\n\0]/g, ''))
    const event = fc.record(
      {
        event: line,
        id: line,
        retry: fc.nat(),
        data: fc.option(fc.array(line, { minLength: 1 }).map((lines) => lines.join('\n'))),
        comments: fc.array(line),
      },
      { requiredKeys: ['data', 'comments'] },
    )
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const written = events.map(formatEvent).join('')
        const kept = events.filter((one) => formatEvent(one) !== '')
        expect(parse(written)).toEqual(kept)
        expect(parse(written).map(formatEvent).join('')).toBe(written)
      }),
    )
  })
})

describe('a large event', () => {
  test('is refused, wherever it is cut', () => {
    const parser = new EventParser(10)
    expect(parser.push('data: 1234\n\ndata: 1234\n\n')).toHaveLength(2)
    expect(() => parser.push('data: 12345\n')).toThrow(EventTooLargeError)
    const slow = new EventParser(10)
    slow.push('data: 1234')
    expect(() => slow.push('5')).toThrow('the stream has an event of more than 10 characters')
    const lines = new EventParser(10)
    lines.push('data:1\n')
    expect(() => lines.push('data:1\n')).toThrow(EventTooLargeError)
  })

  test.each<[string, string, number]>([
    ['in one line', `data: ${'x'.repeat(20_000_000)}\n\n`, 1_000],
    ['in very many lines', `${'data: x\n'.repeat(1_000_000)}\n`, 65_536],
    ['in very many lines, at once', `${'data: x\n'.repeat(1_000_000)}\r\n`, 10_000_000],
  ])('takes time in proportion to its size, %s', (_, text, size) => {
    const parser = new EventParser(text.length)
    const elapsedMs = processorClock()
    const events: SseEvent[] = []
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)))
    expect(events).toHaveLength(1)
    expect(elapsedMs()).toBeLessThan(5_000)
  })
})
