/** Event streams (WHATWG HTML, section 9.2), read piece by piece as they arrive, and written. PURE. */

/** One block of a stream: what stands between two empty lines. Only what the block says is there. */
export interface SseEvent {
  readonly event?: string
  readonly id?: string
  /** In milliseconds. */
  readonly retry?: number
  /** The lines of data, joined; null for a block without data, which is no event but may still say something. */
  readonly data: string | null
  /** The text behind the colon of each comment. */
  readonly comments: readonly string[]
}

/** Tells whether an event of this type carries a message of MCP. Clients of the SDKs drop an event of any other type. */
export function isMessageType(event: string | undefined): boolean {
  // An empty type is the default one: WHATWG HTML, 9.2.6.
  return event === undefined || event === '' || event === 'message'
}

/** An event that is larger than it may be. The parser is of no use afterwards. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError'
  /** In characters. */
  readonly limit: number

  constructor(limit: number) {
    super(`the stream has an event of more than ${limit} characters`)
    this.limit = limit
  }
}

/** One event whose message is changed, or read, must be held; a larger one is refused. In UTF-16 units. */
export const MOST_MESSAGE_CHARS = 8 * 1024 * 1024

/** Longer numbers are no waiting time, and would not be written as they were read. */
const RETRY = /^[0-9]{1,15}$/
/** A byte order mark, which only counts before everything else. */
const BOM = '\uFEFF'

/** Parses one stream. The text comes from a decoder that keeps characters whole across pieces. */
export class EventParser {
  readonly #maxEventChars: number
  #isFirst = true
  /** The last piece ended with CR: an LF at the beginning of the next one belongs to it. */
  #isBehindReturn = false
  /** Pieces of a line whose end has not come yet. */
  #line: string[] = []
  #block = emptyBlock()
  /** Characters of the block so far, its unfinished line included. */
  #size = 0

  /** `maxEventChars` bounds one block, as it is on the wire. */
  constructor(maxEventChars: number) {
    this.#maxEventChars = maxEventChars
  }

  /** The blocks that this piece completes, in order. Throws EventTooLargeError. */
  push(text: string): readonly SseEvent[] {
    const events: SseEvent[] = []
    let start = this.#skipped(text)
    let feed = text.indexOf('\n', start)
    let carriage = text.indexOf('\r', start)
    while (feed >= 0 || carriage >= 0) {
      const end = feed < 0 || (carriage >= 0 && carriage < feed) ? carriage : feed
      this.#endLine(text.slice(start, end), events)
      start = end + 1
      if (end === carriage) {
        if (start === text.length) this.#isBehindReturn = true
        else if (feed === start) start += 1
      }
      // Looked for again only once passed: a stream has lines without number and often no CR at all.
      if (feed >= 0 && feed < start) feed = text.indexOf('\n', start)
      if (carriage >= 0 && carriage < start) carriage = text.indexOf('\r', start)
    }
    if (start < text.length) {
      this.#count(text.length - start)
      this.#line.push(text.slice(start))
    }
    return events
  }

  #skipped(text: string): number {
    if (text === '') return 0
    let start = 0
    if (this.#isFirst && text.startsWith(BOM)) start = 1
    if (this.#isBehindReturn && text.startsWith('\n')) start = 1
    this.#isFirst = false
    this.#isBehindReturn = false
    return start
  }

  #endLine(rest: string, events: SseEvent[]): void {
    this.#count(rest.length)
    let line = rest
    if (this.#line.length > 0) {
      line = this.#line.join('') + rest
      this.#line = []
    }
    if (line !== '') {
      readLine(line, this.#block)
      return
    }
    const { data, comments, ...said } = this.#block
    if (data.length > 0 || comments.length > 0 || Object.keys(said).length > 0) {
      events.push({ ...said, data: data.length === 0 ? null : data.join('\n'), comments })
    }
    this.#block = emptyBlock()
    this.#size = 0
  }

  #count(length: number): void {
    this.#size += length
    if (this.#size > this.#maxEventChars) throw new EventTooLargeError(this.#maxEventChars)
  }
}

interface Block {
  event?: string
  id?: string
  retry?: number
  readonly data: string[]
  readonly comments: string[]
}

function emptyBlock(): Block {
  return { data: [], comments: [] }
}

function readLine(line: string, block: Block): void {
  const colon = line.indexOf(':')
  if (colon === 0) {
    block.comments.push(line.slice(1))
    return
  }
  const field = colon < 0 ? line : line.slice(0, colon)
  const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
  if (field === 'data') block.data.push(value)
  else if (field === 'event') block.event = value
  else if (field === 'id' && !value.includes('\0')) block.id = value
  else if (field === 'retry' && RETRY.test(value)) block.retry = Number(value)
}

const LINE_END = /\r\n|\r|\n/

/** A block as it stands in a stream, with the empty line that ends it. Empty for a block that says nothing. */
export function formatEvent({ event, id, retry, data, comments }: SseEvent): string {
  let text = ''
  for (const comment of comments) text += linesOf(':', comment)
  // Neither can hold the end of a line; what is behind one would be a field of its own.
  if (event !== undefined) text += `event: ${event.split(LINE_END, 1)[0]}\n`
  if (id !== undefined && !id.includes('\0')) text += `id: ${id.split(LINE_END, 1)[0]}\n`
  if (retry !== undefined && RETRY.test(String(retry))) text += `retry: ${retry}\n`
  if (data !== null) text += linesOf('data: ', data)
  return text === '' ? '' : `${text}\n`
}

function linesOf(prefix: string, value: string): string {
  if (!value.includes('\n') && !value.includes('\r')) return `${prefix}${value}\n`
  return value
    .split(LINE_END)
    .map((line) => `${prefix}${line}\n`)
    .join('')
}
