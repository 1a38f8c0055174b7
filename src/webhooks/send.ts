/** One attempt to hand a message to its receiver. Never throws, never follows a redirect, reads no answer. */
import type { Answer } from '../durable/retries.ts'
import { WEBHOOK_TIMEOUT_MS } from './schedule.ts'
import { signedHeaders } from './signature.ts'

export interface OutgoingMessage {
  readonly url: string
  /** The secrets that the message is signed with; the newest first. */
  readonly secrets: readonly string[]
  readonly id: string
  readonly body: string
}

/** Sends it, signed with the time of this attempt. */
export async function sendMessage(message: OutgoingMessage, nowMs: number): Promise<Answer> {
  const { url, secrets, id, body } = message
  // Not AbortSignal.timeout: its timer outlives the answer and would keep the object in memory.
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), WEBHOOK_TIMEOUT_MS)
  try {
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Gatehouse-Webhooks',
      ...(await signedHeaders(secrets, { id, atSeconds: Math.floor(nowMs / 1_000), body })),
    }
    const init: RequestInit = { method: 'POST', headers, body, redirect: 'manual', signal: timeout.signal }
    const response = await fetch(url, init)
    await response.body?.cancel()
    return { status: response.status, retryAfter: response.headers.get('retry-after') }
  } catch {
    // The reason may quote the URL, so only its kind is passed on.
    return { failure: timeout.signal.aborted ? 'timeout' : 'network' }
  } finally {
    clearTimeout(timer)
  }
}
