/**
 * Marks in the ids of events. Whoever resumes a stream, in whatever isolate, learns from them how the answer that comes in it was
 * sent and is called. PURE.
 */
import { parseExact } from '../exact-json.ts'
import type { IdPair } from './id-pair.ts'
import { isRpcId } from './rpc.ts'

/** What is put before the ids of a stream's events, of characters that a header may have. */
export function markOf({ sent, client }: IdPair): string {
  const text = encodeURIComponent(JSON.stringify([sent, client])).replaceAll('.', '%2E')
  return `${MARK}${text}.`
}

const MARK = 'gatehouse-ids='

/** The two parts of an event's id that was marked; null for one that was not. */
export function splitMarked(eventId: string): { readonly pair: IdPair; readonly id: string } | null {
  const dot = eventId.indexOf('.')
  if (!eventId.startsWith(MARK) || dot < 0) return null
  try {
    const ids: unknown = parseExact(decodeURIComponent(eventId.slice(MARK.length, dot)))
    const [sent, client] = Array.isArray(ids) ? ids : []
    return isRpcId(sent) && isRpcId(client) ? { pair: { sent, client }, id: eventId.slice(dot + 1) } : null
  } catch {
    return null
  }
}
