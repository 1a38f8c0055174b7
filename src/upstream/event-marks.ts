/**
 * Marks in the ids of events. An isolate that resumes a stream learns from them how the answer that comes in it was sent and is called,
 * and which session the stream was of. PURE.
 */
import { parseExact } from '../base/exact-json.ts'
import { isRpcId } from '../base/rpc.ts'
import type { IdPair } from './id-pair.ts'

/** The facts about a stream that its event ids carry. */
export interface Marked {
  /** The request that the stream answers; null where it answers none, or one that was sent under its client's id. */
  readonly pair: IdPair | null
  /** The tag of the session; null where it has none. */
  readonly asker: string | null
}

/** The prefix of the ids of a stream's events, of characters that a header may have; empty where there is nothing to carry. */
export function markOf({ pair, asker }: Marked): string {
  if (pair === null && asker === null) return ''
  const said = [pair?.sent ?? null, pair?.client ?? null, ...(asker === null ? [] : [asker])]
  return `${MARK}${encodeURIComponent(JSON.stringify(said)).replaceAll('.', '%2E')}.`
}

const MARK = 'gatehouse-ids='

/** Takes a marked event id apart; null for one that was not marked. */
export function splitMarked(eventId: string): (Marked & { readonly id: string }) | null {
  const dot = eventId.indexOf('.')
  if (!eventId.startsWith(MARK) || dot < 0) return null
  try {
    const said: unknown = parseExact(decodeURIComponent(eventId.slice(MARK.length, dot)))
    const [sent, client, asker = null] = Array.isArray(said) ? said : []
    const hasPair = isRpcId(sent) && isRpcId(client)
    const isNone = sent === null && client === null
    if ((asker !== null && typeof asker !== 'string') || !(hasPair || (isNone && asker !== null))) return null
    return { pair: hasPair ? { sent, client } : null, asker, id: eventId.slice(dot + 1) }
  } catch {
    return null
  }
}
