/**
 * One request to Legiti and what came of it. Never throws, never follows a redirect, reads a bounded answer,
 * and keeps the key out of everything that it returns.
 */
import { exports } from 'cloudflare:workers'
import type { LegitiSettings } from './settings.ts'
import type { WireRequest } from './wire.ts'

/** More of an answer than this is not read. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** The path at which the demo's stand-in is mounted, on whatever host the gateway runs. */
export const STAND_IN_PATH = '/dev/legiti'

export type LegitiAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly retryAfter: string | null
      readonly body: unknown
    }
  /** Nothing is known of what Legiti did with it, except under `unsent`. */
  | { readonly kind: 'failed'; readonly failure: 'timeout' | 'network' | 'aborted' }
  /** Surely not sent: see `why`. */
  | { readonly kind: 'unsent'; readonly why: string }

/** Sends one request and waits at most `timeoutMs` for the whole answer. */
export async function askLegiti(
  target: LegitiSettings['target'],
  request: WireRequest,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<LegitiAnswer> {
  if (target.kind === 'off') return { kind: 'unsent', why: 'LEGITI_BASE_URL is not set' }
  if (target.kind === 'unconfigured') return { kind: 'unsent', why: target.why }
  // Not AbortSignal.timeout: its timer outlives the answer and would keep a Durable Object in memory.
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  const either = signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, signal])
  try {
    const response = await send(target, request, either)
    return {
      kind: 'answered',
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: await readBounded(response),
    }
  } catch {
    // The reason may quote the URL or a header, so only its kind is passed on.
    const failure = timeout.signal.aborted ? 'timeout' : signal?.aborted ? 'aborted' : 'network'
    return { kind: 'failed', failure }
  } finally {
    clearTimeout(timer)
  }
}

function send(
  target: Exclude<LegitiSettings['target'], { kind: 'unconfigured' | 'off' }>,
  { method, path, body }: WireRequest,
  signal: AbortSignal,
): Promise<Response> {
  const init: RequestInit = { method, signal, redirect: 'manual' }
  const headers = new Headers({ accept: 'application/json' })
  if (body !== null) {
    headers.set('content-type', 'application/json')
    init.body = JSON.stringify(body)
  }
  init.headers = headers
  if (target.kind === 'stand-in') {
    // The Worker's own front door, by a binding: the port that it listens on need not be known.
    return exports.default.fetch(new Request(`http://localhost${STAND_IN_PATH}${path}`, init))
  }
  headers.set('authorization', `Bearer ${target.apiKey}`)
  return fetch(`${target.baseUrl}${path}`, init)
}

/** The body as JSON where it is JSON, else as text; null when empty. */
async function readBounded(response: Response): Promise<unknown> {
  const reader = response.body?.getReader()
  if (reader === undefined) return null
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel()
      return { error_message: `the answer was longer than ${MAX_ANSWER_BYTES} bytes and was not read` }
    }
    text += decoder.decode(value, { stream: true })
  }
  text += decoder.decode()
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
