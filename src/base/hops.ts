/**
 * Requests that come back: a server that is the gateway itself, by whatever name, or that leads back to it through others.
 * Each gateway that a request passes adds what it was asked at to a header; one that finds itself there, or too many,
 * refuses. A header that a client makes up refuses its own requests alone. PURE.
 */

import { fnv1a } from './fnv1a.ts'
import { hostOf } from './request-host.ts'

export const HOP_HEADER = 'gatehouse-hop'

/** Gateways behind each other that somebody may mean. Found by no name of its own, a gateway is asked that often at most. */
export const MOST_HOPS = 4
const LONGEST = 200

type Asked = Pick<Request, 'url' | 'headers'>

/** Tells whether a request has been here before, or has passed through too many gateways. */
export function isLoop(http: Asked): boolean {
  const text = http.headers.get(HOP_HEADER)
  if (text === null) return false
  const before = hopsIn(text)
  return before.length >= MOST_HOPS || before.includes(nameOf(http))
}

/** Returns the hops header of requests to servers that are made for this request. */
export function hopsOnward(http: Asked): string {
  const text = http.headers.get(HOP_HEADER)
  return text === null ? nameOf(http) : [...hopsIn(text), nameOf(http)].join(', ')
}

function hopsIn(text: string): readonly string[] {
  // A longer text than any gateway writes is refused.
  if (text.length > LONGEST) return Array(MOST_HOPS).fill('')
  return text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
}

/** By the host that it was asked at, which is its own there: servers need not learn it, so it is a digest. */
function nameOf({ url }: Asked): string {
  const host = hostOf(url)
  return names.get(host) ?? newName(host)
}

/** The digests of the hosts that this isolate was asked at: every request to a server needs one. */
const names = new Map<string, string>()
const MOST_NAMES = 100

function newName(host: string): string {
  const name = fnv1a(host)
  if (names.size >= MOST_NAMES) names.clear()
  names.set(host, name)
  return name
}
