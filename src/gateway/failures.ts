/**
 * Slows whoever guesses tokens. Failures are counted by client address, in a rate-limit binding; an address
 * over its limit is refused for a while before a principal is asked. Tokens that this isolate has seen
 * succeed are let through, so that one bad neighbour behind a shared address does not stop the others.
 */
import type { Env } from '../env.ts'
import { codes, type Refusal } from './jsonrpc.ts'

/** As long as the period of the binding in wrangler.toml. */
const BLOCK_MS = 60_000
const MOST_ADDRESSES = 10_000

/** Addresses over their limit and until when, in this isolate. */
const blocked = new Map<string, number>()

/** The client's address as Cloudflare saw it; without Cloudflare in front every client is one. */
function addressOf(request: Request): string {
  return request.headers.get('cf-connecting-ip') ?? 'local'
}

/** Refuses an address that has failed too often. */
export function refuseBlocked(request: Request, nowMs: number): Refusal | null {
  const untilMs = blocked.get(addressOf(request))
  if (untilMs === undefined || untilMs <= nowMs) return null
  return {
    status: 429,
    code: codes.transport,
    message: 'Too many failed authentications from this address',
    headers: { 'retry-after': String(Math.ceil((untilMs - nowMs) / 1_000)) },
  }
}

/** Counts one failure. */
export async function countFailure(request: Request, env: Env, nowMs: number): Promise<void> {
  const address = addressOf(request)
  const counted = await env.AUTH_FAILURES?.limit({ key: address })
  if (counted === undefined || counted.success) return
  if (blocked.size >= MOST_ADDRESSES) blocked.clear()
  blocked.set(address, nowMs + BLOCK_MS)
}

/** Forgets every block; for tests, which share an isolate. */
export function forgetFailures(): void {
  blocked.clear()
}
