/**
 * Prompts, resources and templates that are kept from lists because they do not fit, told to the tenant's object for the
 * server's status. Tools are told with their listing (pinning.ts).
 */
import type { LeftOutReport } from '../contract/upstream.ts'
import { report } from '../upstream/health.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { serverKey } from '../upstream/which.ts'

export interface LeftOut {
  readonly name: string
  readonly reason: string
}

/** Of one listing. */
const MOST_TOLD = 50
const LONGEST_NAME = 256
const LONGEST_REASON = 500
/** What is as it was is told again after so long, for the status may have been cleared by a scan. */
const TELL_AGAIN_MS = 10 * 60_000
const MOST_KEPT = 2_000

/** What this isolate has told last, by server and kind. */
const told = new Map<string, { readonly text: string; readonly atMs: number }>()

/**
 * Tells what one page leaves out, where that is news. Where nothing is, that is news only to who has heard otherwise.
 *
 * @param isFirst whether it is the first page: later ones say nothing of what has gone
 */
export function noteLeftOut(
  link: UpstreamLink,
  kind: LeftOutReport['kind'],
  leftOut: readonly LeftOut[],
  isFirst: boolean,
): void {
  const key = JSON.stringify([serverKey(link.tenant, link.config), kind])
  const known = told.get(key)
  if (leftOut.length === 0 && (known === undefined || !isFirst)) return
  const entries = leftOut.slice(0, MOST_TOLD).map(({ name, reason }) => ({
    name: name.slice(0, LONGEST_NAME),
    reason: reason.slice(0, LONGEST_REASON),
  }))
  const text = JSON.stringify(entries)
  const nowMs = Date.now()
  if (known?.text === text && nowMs - known.atMs < TELL_AGAIN_MS) return
  if (told.size >= MOST_KEPT) told.clear()
  if (leftOut.length === 0) told.delete(key)
  else told.set(key, { text, atMs: nowMs })
  report(link, { atMs: nowMs, leftOut: { kind, entries } })
}
