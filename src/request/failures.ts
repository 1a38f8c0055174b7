/**
 * Slows callers that guess tokens. Failures are counted by client address, in a rate-limit binding. While an address is over its limit, a
 * token that this isolate has not seen succeed waits a little before its principal is asked. Nobody is locked out: addresses are shared,
 * and a bad neighbour must not stop the others.
 */
import type { Env } from '../contract/env.ts'

/** The time that an unknown token waits: every time for a guesser, once for anybody else. */
export const SLOW_DOWN_MS = 1_000
/** As long as the period of the binding in wrangler.toml. */
const SLOW_FOR_MS = 60_000
const MOST_ADDRESSES = 10_000

/** Addresses over their limit and until when, in this isolate; the oldest first. */
const slowed = new Map<string, number>()

/** Waits when the request's address has failed too often. */
export async function slowDown(request: Request, nowMs: number): Promise<void> {
  if ((slowed.get(sourceOf(request)) ?? 0) <= nowMs) return
  await new Promise((resolve) => setTimeout(resolve, SLOW_DOWN_MS))
}

/** Counts one failure. */
export async function countFailure(request: Request, env: Env, nowMs: number): Promise<void> {
  const source = sourceOf(request)
  const counted = await env.AUTH_FAILURES?.limit({ key: source })
  if (counted === undefined || counted.success) return
  slowed.delete(source)
  const oldest = slowed.keys().next().value
  if (slowed.size >= MOST_ADDRESSES && oldest !== undefined) slowed.delete(oldest)
  slowed.set(source, nowMs + SLOW_FOR_MS)
}

/**
 * Returns the client's address as Cloudflare saw it; without Cloudflare in front every client is one. An IPv6 address counts by its first
 * half: one subscriber has all of the rest (RFC 6177).
 */
export function sourceOf(request: Request): string {
  const address = request.headers.get('cf-connecting-ip') ?? 'local'
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups(head).length - groups(tail).length)
  const all = [...groups(head), ...Array<string>(zeros).fill('0'), ...groups(tail ?? '')]
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
