/** Reads a form of one of our pages, and refuses every other. */
import { loadProtocol } from '../../request/protocol.ts'

/** A token, a reason, and what the page put in. */
const MOST_BYTES = 64 * 1024

export type ReadForm =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly status: 400 | 403 | 413 | 415 }

/** Reads the fields of a form. Never throws. */
export async function readForm(http: Request): Promise<ReadForm> {
  if (!isFromOwnPage(http)) return { ok: false, status: 403 }
  const type = http.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') return { ok: false, status: 415 }
  try {
    const read = await (await loadProtocol()).readRequestBody(http, MOST_BYTES)
    if (read.tooLarge) return { ok: false, status: 413 }
    // A form of ours has no name twice.
    return { ok: true, fields: new Map(new URLSearchParams(read.text)) }
  } catch {
    return { ok: false, status: 400 }
  }
}

/**
 * True if a form on a page of this very origin sends the request. Browsers say so in `Sec-Fetch-Site`, which no page can set
 * (Fetch Metadata); one that does not know it says `Origin`. From our own pages `Origin` is "null", for they send no
 * referrer (Fetch, "append a request Origin header"). A client that sends neither is no browser, and can use the API.
 */
export function isFromOwnPage(http: Pick<Request, 'url' | 'headers'>): boolean {
  const site = http.headers.get('sec-fetch-site')
  const origin = http.headers.get('origin')
  const isOwn = origin === new URL(http.url).origin
  return site === null ? isOwn : site === 'same-origin' && (origin === null || origin === 'null' || isOwn)
}
