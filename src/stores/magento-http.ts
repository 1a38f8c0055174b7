/** One request to a store's REST API: bounded in time and size, never redirected, and quiet about what it carries. */
import { readBounded } from '../base/bounded.ts'
import type { Env } from '../contract/env.ts'
import type { MagentoStore } from '../contract/identity.ts'
import { isPrivateHost } from '../upstream/resolve.ts'

/** For the whole answer. A shop checks a password within a second or two. */
export const MAGENTO_TIMEOUT_MS = 10_000
/** An account with hundreds of addresses. */
const MOST_BYTES = 512 * 1024

export interface MagentoRequest {
  readonly method: 'GET' | 'POST'
  /** Under `/rest/V1`. */
  readonly path: string
  readonly token?: string
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

export type MagentoAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly json: unknown }
  /** Nothing that can be used came back; `why` is a code, never a text of theirs. */
  | {
      readonly kind: 'failed'
      readonly why: 'address' | 'timeout' | 'network' | 'redirect' | 'too_large' | 'not_json' | 'cancelled'
    }

/** Asks a store. Never throws. */
export async function askMagento(
  env: Env,
  store: MagentoStore,
  request: MagentoRequest,
): Promise<MagentoAnswer> {
  const url = new URL(`${store.base_url.replace(/\/+$/, '')}/rest/V1${request.path}`)
  // Checked when it was configured; whatever was stored since, credentials do not go to this network.
  if (isPrivateHost(url, env)) return { kind: 'failed', why: 'address' }
  // Not AbortSignal.timeout: that would keep an object in memory until it fires.
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), MAGENTO_TIMEOUT_MS)
  const cancel = () => abort.abort()
  request.signal?.addEventListener('abort', cancel)
  if (request.signal?.aborted) cancel()
  try {
    const response = await fetch(url, {
      method: request.method,
      headers: headersOf(request),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      redirect: 'manual',
      signal: abort.signal,
    })
    const { status } = response
    if (status >= 300 && status < 400) {
      response.body?.cancel().catch(() => {})
      return { kind: 'failed', why: 'redirect' }
    }
    const text = await readBounded(response, MOST_BYTES)
    return text === null ? { kind: 'failed', why: 'too_large' } : read(status, text)
  } catch {
    if (request.signal?.aborted) return { kind: 'failed', why: 'cancelled' }
    return { kind: 'failed', why: abort.signal.aborted ? 'timeout' : 'network' }
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', cancel)
  }
}

function read(status: number, text: string): MagentoAnswer {
  try {
    return { kind: 'answered', status, json: JSON.parse(text) as unknown }
  } catch {
    return { kind: 'failed', why: 'not_json' }
  }
}

function headersOf({ token, body }: MagentoRequest): Record<string, string> {
  return {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
}
