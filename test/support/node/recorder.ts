/**
 * Hears what this process says to gateways, and what the administration API answers, so that their secrets and values
 * are known: leaks/spoken.ts. Test files of whole programs begin with it (recording.ts); whoever starts a gateway has its
 * state and log searched for them when it stops: searched.ts.
 */
import { ClientRequest } from 'node:http'
import { makeNeedles, type Needles } from '../leaks/needles.ts'
import { hearAnswer, hearRequest } from '../leaks/spoken.ts'

interface Recorder {
  readonly needles: Needles
  /** Answers that are still being read. */
  readonly reading: Set<Promise<void>>
  /** Gateways that were started, and whose state was not searched yet: what each is, for whoever forgot it. */
  readonly running: Set<string>
}

/** More is a body that a test means to be too long. */
const LONGEST_BODY = 4 * 1024 * 1024

let current: Recorder | null = null

/** The process's own; null where nobody records, as in a benchmark. */
export function recorder(): Recorder | null {
  return current
}

/** Begins to hear. */
export function startRecording(): void {
  if (current !== null) return
  current = { needles: makeNeedles(), reading: new Set(), running: new Set() }
  listen(current)
}

/** Has a value searched for that no client says: a key, a password. `label` must not repeat it. */
export function registerSecret(label: string, value: string | Uint8Array): void {
  current?.needles.add('deployment secret', label, value)
}

function listen({ needles, reading }: Recorder): void {
  const inner = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const request = input instanceof Request ? input : null
    const { pathname } = new URL(request?.url ?? String(input))
    const headers = new Headers(init?.headers ?? request?.headers)
    const body = init?.body ?? (request === null ? null : await request.clone().text())
    hearRequest(needles, { path: pathname, header: (name) => headers.get(name), body: textOf(body) })
    const response = await inner(input, init)
    if (pathname.startsWith('/api/') && response.headers.get('content-type')?.includes('json') === true) {
      const heard = response
        .clone()
        .text()
        .then((text) => hearAnswer(needles, pathname, text))
        // Whoever asked is told that it broke off.
        .catch(() => {})
      reading.add(heard)
      void heard.finally(() => reading.delete(heard))
    }
    return response
  }

  // node:http, by which tests send what fetch would not.
  const { write, end } = ClientRequest.prototype
  const bodies = new WeakMap<ClientRequest, string>()
  const hear = (request: ClientRequest, chunk: unknown) => {
    const before = bodies.get(request) ?? ''
    if (before.length < LONGEST_BODY) bodies.set(request, before + textOf(chunk))
  }
  ClientRequest.prototype.write = function (this: ClientRequest, chunk: unknown, ...more: unknown[]) {
    hear(this, chunk)
    return (write as (...args: unknown[]) => boolean).call(this, chunk, ...more)
  } as typeof write
  ClientRequest.prototype.end = function (this: ClientRequest, chunk: unknown, ...more: unknown[]) {
    hear(this, chunk)
    hearRequest(needles, {
      path: this.path,
      header: (name) => {
        const value = this.getHeader(name)
        return value === undefined ? rawHeader(this, name) : String(value)
      },
      body: bodies.get(this) ?? '',
    })
    return (end as (...args: unknown[]) => ClientRequest).call(this, chunk, ...more)
  } as typeof end
}

/** Headers that were given as a list are not kept by name, but written at once. */
function rawHeader(request: ClientRequest, name: string): string | null {
  const text = (request as unknown as { _header?: string | null })._header ?? ''
  const line = text.split('\r\n').find((it) => it.toLowerCase().startsWith(`${name.toLowerCase()}:`))
  return line === undefined ? null : line.slice(name.length + 1).trim()
}

function textOf(body: unknown): string {
  if (typeof body === 'string') return body
  if (body instanceof URLSearchParams) return body.toString()
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8')
  return ''
}
