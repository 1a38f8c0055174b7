/** `audit tail`: rows as they happen, over as many connections as it takes. */
import { type Api, Ended, type Json, type Query, Refused } from '../gateway/api.ts'
import { visible, type World } from '../kit/outcome.ts'

export interface Tailed {
  readonly path: string
  readonly query: Query
  /** A row as it is printed; null: as it came. */
  readonly line: ((row: Json) => string) | null
}

/** Before it comes again: so long after an end that was due, twice as long with every connection that told nothing. */
const SHORTEST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Refusals that may be another answer in a while; after all others the same question is in vain. */
const PASSING: readonly number[] = [408, 425, 429]
/** Rows that may come again after a reconnect are those that had not reached the database: of a minute or so. */
const MOST_KNOWN = 20_000

/**
 * Prints rows until it is stopped. The gateway ends a connection after a while, and a reader who comes again with the last id
 * misses nothing; this one does so, also after a broken connection. A row that comes twice is printed once.
 *
 * @throws Ended where it never came to a connection, or may not have one any more
 */
export async function tail(api: Api, { path, query, line }: Tailed, world: World): Promise<never> {
  const known = new Set<string>()
  let last: string | null = null
  let pauseMs = SHORTEST_PAUSE_MS
  for (;;) {
    let broken: readonly string[] = []
    try {
      const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last }
      for await (const text of api.lines(`${path}/tail`, query, headers)) {
        const [, name = '', value = ''] = /^([a-z]+): ?(.*?)\r?$/.exec(text) ?? []
        if (name === 'id' && value !== '') {
          last = value
          pauseMs = SHORTEST_PAUSE_MS
        }
        const row = name === 'data' ? rowIn(value) : null
        if (row !== null && isNew(known, row)) world.print(`${line === null ? value : visible(line(row))}\n`)
      }
    } catch (error) {
      if (!(error instanceof Ended) || last === null || isFinal(error)) throw error
      broken = error.outcome.errors
    }
    for (const it of broken) world.warn(`${visible(it)}; again in ${pauseMs / 1_000} s\n`)
    await world.wait(pauseMs)
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  }
}

function isFinal(error: Ended): boolean {
  return error instanceof Refused && error.status < 500 && !PASSING.includes(error.status)
}

/** Null for half a line, where a connection ended within one: it comes again. And for the event that says the end. */
function rowIn(text: string): Json | null {
  try {
    const row = JSON.parse(text) as Json
    return Object.keys(row).length === 0 ? null : row
  } catch {
    return null
  }
}

/** Tells whether a row is new; a row without a number counts as new, because it cannot be recognised. */
function isNew(known: Set<string>, { grant, chain, seq }: Json): boolean {
  if (seq === undefined) return true
  const name = `${grant} ${chain} ${seq}`
  if (known.has(name)) return false
  const [oldest] = known
  if (known.size >= MOST_KNOWN && oldest !== undefined) known.delete(oldest)
  known.add(name)
  return true
}
