/**
 * Fresh lists, asked for because a name was called that is in none that is known. A client that calls names at random
 * must not make a server list without end: each isolate asks a server for one list at a time and for few of them a minute.
 */
import type { UpstreamProblem } from '../contract/upstream.ts'

/** As many may be asked for at once, and one more in so long. */
const BURST = 10
const REFILL_MS = 6_000
/** The time that a request waits for another request's list beyond what that may take: it may have been stopped. */
const PATIENCE_MS = 1_000
/** A name that a fresh list had is believed so long, while the configuration does not have it yet. */
const BELIEVED_MS = 60_000
const MOST_SERVERS = 2_000
const MOST_NAMES = 5_000

/** A list with the names that are in it. */
export interface Named {
  readonly names: ReadonlySet<string>
}

/** The result of asking for a list. */
export type Fresh<L extends Named> =
  | { readonly kind: 'listed'; readonly list: L }
  /** Another request asked at the same time, and its list has the name. */
  | { readonly kind: 'found' }
  /** The server did not list. */
  | { readonly kind: 'failed'; readonly problem: UpstreamProblem }
  /** Too many lists were asked for lately to ask for this one. */
  | { readonly kind: 'spent'; readonly retryAfterSeconds: number }

/** Which list: of which server, and what is known of it. */
export interface ListKey {
  /** Names the server: what is asked of it is counted under this. */
  readonly server: string
  /** Names the list that is known, or says that none is: what was found counts beside just this list. */
  readonly known: string
}

interface Allowance {
  readonly left: number
  readonly atMs: number
}

const allowances = new Map<string, Allowance>()
/** Lists that are being asked for, by server; they come to null where there is none. */
const running = new Map<string, Promise<ReadonlySet<string> | null>>()
/** Names that were found, and until when that is believed; the oldest first. */
const found = new Map<string, number>()

/** Tells whether a fresh list had this name a moment ago. */
export function wasFound(key: ListKey, name: string): boolean {
  return Date.now() < (found.get(nameKey(key, name)) ?? 0)
}

/**
 * Asks for a list, unless somebody else does so just now: then theirs is waited for, and only where it does not have the
 * name is another asked for. `list` gives the list, or why there is none, within `longestMs`.
 */
export async function askAfresh<L extends Named>(
  key: ListKey,
  name: string,
  longestMs: number,
  list: () => Promise<L | UpstreamProblem>,
): Promise<Fresh<L>> {
  const { server } = key
  for (let other = running.get(server); other !== undefined; other = running.get(server)) {
    // A timer of one's own: who waits for another request's promise alone may be taken for hung.
    const waited = await Promise.race([other, after(longestMs + PATIENCE_MS)])
    if (waited?.has(name) === true) {
      remember(key, name)
      return { kind: 'found' }
    }
    // Its request was stopped before it could say that it is over.
    if (running.get(server) === other) running.delete(server)
  }
  const retryAtMs = take(server, Date.now())
  if (retryAtMs !== null)
    return { kind: 'spent', retryAfterSeconds: Math.max(1, Math.ceil((retryAtMs - Date.now()) / 1_000)) }
  const { promise, resolve } = Promise.withResolvers<ReadonlySet<string> | null>()
  running.set(server, promise)
  let names: ReadonlySet<string> | null = null
  try {
    const said = await list()
    if ('failure' in said) return { kind: 'failed', problem: said }
    names = said.names
    if (names.has(name)) remember(key, name)
    return { kind: 'listed', list: said }
  } finally {
    if (running.get(server) === promise) running.delete(server)
    resolve(names)
  }
}

async function after(ms: number): Promise<null> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return null
}

/** Takes one list from the server's allowance; when there will be another, where none is left. */
function take(server: string, nowMs: number): number | null {
  const before = allowances.get(server) ?? { left: BURST, atMs: nowMs }
  // A clock that steps back gives nothing, and takes nothing.
  const refills = Math.max(0, Math.floor((nowMs - before.atMs) / REFILL_MS))
  const left = Math.min(BURST, before.left + refills)
  const atMs = left === BURST ? nowMs : before.atMs + refills * REFILL_MS
  put(allowances, server, { left: Math.max(0, left - 1), atMs }, MOST_SERVERS)
  return left > 0 ? null : atMs + REFILL_MS
}

function remember(key: ListKey, name: string): void {
  put(found, nameKey(key, name), Date.now() + BELIEVED_MS, MOST_NAMES)
}

function nameKey({ server, known }: ListKey, name: string): string {
  return JSON.stringify([server, known, name])
}

/** Adds to a map that drops its oldest entry when it is full. */
function put<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key)
  const oldest = map.size >= most ? map.keys().next().value : undefined
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
