/** Event streams, read one event at a time. */
import { expect } from 'vitest'
import { open, type SessionClient } from './gateway.ts'

/** Reads server-sent events one by one; comments are not events. */
export class Events {
  readonly #reader: ReadableStreamDefaultReader<string>
  #text = ''

  constructor(response: Response) {
    if (response.body === null) throw new Error(`no stream: ${response.status}`)
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  }

  /** The next message, or null when the stream has ended. */
  async next(): Promise<Record<string, unknown> | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const event = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        const data = /^data: (.*)$/m.exec(event)?.[1]
        if (data !== undefined) return JSON.parse(data)
        continue
      }
      const { done, value } = await this.#reader.read()
      if (done) return null
      this.#text += value
    }
  }

  close(): Promise<void> {
    return this.#reader.cancel()
  }
}

/** The stream of a session, at the path where it was begun. */
export async function listen(client: SessionClient): Promise<Events> {
  const response = await open('GET', client.path, client.token, {
    ...client.headers,
    accept: 'text/event-stream',
  })
  expect(response.status).toBe(200)
  return new Events(response)
}
