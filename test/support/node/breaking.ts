/** Ways in which an answer breaks off, on the bytes of the connection itself. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/** How a connection ends. `proper`: as if the answer were whole, as behind a proxy that hides what broke. */
export type End = 'fin' | 'reset' | 'proper'

/** An answer that breaks off. */
export interface Breakage {
  readonly name: string
  /** Whether more of it is sent than the gateway holds before it passes anything on. */
  readonly isLarge?: boolean
  /** Whether its events have ids, so that a client of the session era may come back for the rest. */
  readonly isResumable?: boolean
  readonly send: (response: ServerResponse, answer: object) => Promise<void>
}

/** More than is read before it is passed on (src/upstream/receive.ts). */
const LARGE_CHARS = 280_000

export const JSON_TYPE = 'application/json'
export const EVENTS_TYPE = 'text/event-stream'

const progress = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'on' } }

function withText(answer: object, chars: number): string {
  const text = JSON.stringify({ ...answer, padding: 'x'.repeat(chars) })
  return text
}

/** The first part of a text, which is no document of its own. */
function most(text: string): string {
  return text.slice(0, Math.floor(text.length * 0.9))
}

const json = (answer: object) => JSON.stringify(answer)
const large = (answer: object) => withText(answer, LARGE_CHARS)
const event = (message: object, more = '') => `${more}event: message\ndata: ${JSON.stringify(message)}\n\n`

function chunked(
  name: string,
  type: string,
  body: (answer: object) => string,
  end: End,
  more = {},
): Breakage {
  return {
    name: `${name}, ${end}`,
    ...more,
    send: (response, answer) =>
      sendRaw(
        response,
        [head(type, 'transfer-encoding: chunked'), ...inChunks(Buffer.from(body(answer)))],
        end,
      ),
  }
}

function zipped(name: string, type: string, body: (answer: object) => string, end: End, more = {}): Breakage {
  return {
    name: `${name}, gzip, ${end}`,
    ...more,
    send: (response, answer) => {
      const whole = gzipSync(body(answer))
      // Of the trailer alone, which every reader has to check, more than a tenth may be missing in a short body.
      const cut = whole.subarray(0, Math.floor(whole.length * 0.7))
      const fields = 'transfer-encoding: chunked\r\ncontent-encoding: gzip'
      return sendRaw(response, [head(type, fields), ...inChunks(cut)], end)
    },
  }
}

function declared(
  name: string,
  body: (answer: object) => string,
  length: (text: string) => number,
  end: End,
  more = {},
) {
  return {
    name: `${name}, length declared, ${end}`,
    ...more,
    send: (response: ServerResponse, answer: object) => {
      const text = body(answer)
      const fields = `content-length: ${length(text)}`
      return sendRaw(response, [head(JSON_TYPE, fields), Buffer.from(text)], end)
    },
  }
}

/** Whose end is the end of the connection, so that nothing tells a break from an end (RFC 9112, 6.3). */
function undeclared(name: string, type: string, body: (answer: object) => string, more = {}): Breakage {
  return {
    name: `${name}, until the connection ends`,
    ...more,
    send: (response, answer) =>
      sendRaw(response, [head(type, 'connection: close'), Buffer.from(body(answer))], 'fin'),
  }
}

const ends: readonly End[] = ['fin', 'reset', 'proper']
/** After what was declared there is no other end: fewer bytes are no end at all. */
const cuts: readonly End[] = ['fin', 'reset']
const resumable = { isResumable: true }
const isLarge = { isLarge: true }

export const breakages: readonly Breakage[] = [
  ...cuts.map((end) => ({
    name: `in its headers, ${end}`,
    send: (response: ServerResponse) =>
      sendRaw(response, [Buffer.from('HTTP/1.1 200 OK\r\ncontent-ty')], end),
  })),
  ...cuts.map((end) => ({
    name: `before its headers, ${end}`,
    send: (response: ServerResponse) => sendRaw(response, [], end),
  })),
  ...ends.flatMap((end) => [
    chunked('JSON without a byte', JSON_TYPE, () => '', end),
    chunked('JSON in the middle', JSON_TYPE, (it) => most(json(it)), end),
    chunked('JSON before its last brace', JSON_TYPE, (it) => json(it).slice(0, -1), end),
    chunked('large JSON in the middle', JSON_TYPE, (it) => most(large(it)), end, isLarge),
    // Its last byte so far is a brace, as that of a whole object is.
    chunked(
      'large JSON behind an inner brace',
      JSON_TYPE,
      (it) => large({ first: { ...it } }).replace(/,"padding":.*/, `,"padding":[${'{},'.repeat(90_000)}{}`),
      end,
      isLarge,
    ),
    chunked('large JSON before its last brace', JSON_TYPE, (it) => large(it).slice(0, -1), end, isLarge),
    zipped('JSON', JSON_TYPE, json, end),
    zipped(
      'large JSON',
      JSON_TYPE,
      (it) => JSON.stringify({ ...it, padding: noise(LARGE_CHARS) }),
      end,
      isLarge,
    ),
    zipped('events', EVENTS_TYPE, (it) => event(progress) + event(it), end),
    chunked('events before the first', EVENTS_TYPE, () => '', end),
    chunked('events between two', EVENTS_TYPE, () => event(progress), end),
    chunked(
      'events in the middle of the answer',
      EVENTS_TYPE,
      (it) => event(progress) + most(event(it)),
      end,
    ),
    chunked('events in the answer behind its data', EVENTS_TYPE, (it) => event(it).slice(0, -2), end),
    // The event is whole only with the empty line behind it (HTML, server-sent events).
    chunked('events in the answer behind its line', EVENTS_TYPE, (it) => event(it).slice(0, -1), end),
    chunked(
      'events with CR line ends behind the line',
      EVENTS_TYPE,
      (it) => event(it).slice(0, -1).replaceAll('\n', '\r'),
      end,
    ),
    chunked('a large event', EVENTS_TYPE, (it) => `data: ${most(large(it))}`, end),
    chunked('events with ids between two', EVENTS_TYPE, () => event(progress, 'id: 1\n'), end, resumable),
    chunked(
      'events with ids in the answer behind its line',
      EVENTS_TYPE,
      (it) => event(progress, 'id: 1\n') + event(it, 'id: 2\n').slice(0, -1),
      end,
      resumable,
    ),
  ]),
  ...cuts.flatMap((end) => [
    declared(
      'JSON in the middle',
      (it) => most(json(it)),
      (text) => text.length + 20,
      end,
    ),
    declared('JSON that is whole before its end', json, (text) => text.length + 20, end),
    declared(
      'large JSON in the middle',
      (it) => most(large(it)),
      (text) => text.length + 20,
      end,
      isLarge,
    ),
    declared('large JSON that is whole before its end', large, (text) => text.length + 20, end, isLarge),
  ]),
  undeclared('JSON in the middle', JSON_TYPE, (it) => most(json(it))),
  undeclared('large JSON in the middle', JSON_TYPE, (it) => most(large(it)), isLarge),
  undeclared('events in the middle of the answer', EVENTS_TYPE, (it) => most(event(it))),
  undeclared('events in the answer behind its line', EVENTS_TYPE, (it) => event(it).slice(0, -1)),
  {
    name: 'JSON in a chunk that is none',
    send: (response, answer) => {
      const broken = Buffer.from(`zz\r\n${json(answer)}\r\n0\r\n\r\n`)
      return sendRaw(response, [head(JSON_TYPE, 'transfer-encoding: chunked'), broken], 'fin')
    },
  },
]

/** Text that does not shrink much when it is compressed, and is the same in every run. */
function noise(length: number): string {
  let text = ''
  for (let number = 1; text.length < length; number = (number * 48_271) % 2_147_483_647)
    text += number.toString(36)
  return text
}

function head(type: string, fields: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${fields}\r\n\r\n`)
}

/** In pieces that come one by one, so that some have been passed on when the last one breaks off. */
function inChunks(body: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let from = 0; from < body.length; from += 65_536) {
    const piece = body.subarray(from, from + 65_536)
    chunks.push(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
  }
  return chunks
}

/** Writes past the server's own HTTP, and ends the connection. */
async function sendRaw(response: ServerResponse, pieces: readonly Buffer[], end: End): Promise<void> {
  const { socket } = response
  if (socket === null) return
  for (const piece of pieces) {
    if (socket.destroyed) return
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    // Not in one turn with what follows: a reset would overtake it.
    await setImmediate()
  }
  if (end === 'reset') socket.resetAndDestroy()
  else socket.end(end === 'proper' ? '0\r\n\r\n' : '')
}
