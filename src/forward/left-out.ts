/**
 * Prompts, resources and templates that are kept from lists because they do not fit, reported to the tenant's object for the
 * server's status. Tools are reported with their listing (pinning.ts).
 */
import type { LeftOutReport } from '../contract/upstream.ts'
import { report } from '../upstream/health.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { serverKey } from '../upstream/server-key.ts'

export interface LeftOut {
  readonly name: string
  readonly reason: string
}

/** The most reported entries of one listing. */
const MOST_REPORTED = 50
const LONGEST_NAME = 256
const LONGEST_REASON = 500
/** An unchanged report is repeated after so long, for a scan may have cleared the status. */
const REPORT_AGAIN_MS = 10 * 60_000
const MOST_KEPT = 2_000

/** The last report of this isolate, by server and kind. */
const reported = new Map<string, { readonly text: string; readonly atMs: number }>()

/**
 * Reports the entries that one page leaves out, where the report differs from the last. A page that leaves out nothing is reported
 * only after one that did.
 *
 * @param isFirst true for the first page: later pages do not clear a report
 */
export function noteLeftOut(
  link: UpstreamLink,
  {
    kind,
    leftOut,
    isFirst,
  }: {
    readonly kind: LeftOutReport['kind']
    readonly leftOut: readonly LeftOut[]
    /** They are of the first page. */
    readonly isFirst: boolean
  },
): void {
  const key = JSON.stringify([serverKey(link.tenant, link.config), kind])
  const known = reported.get(key)
  if (leftOut.length === 0 && (known === undefined || !isFirst)) return
  const entries = leftOut.slice(0, MOST_REPORTED).map(({ name, reason }) => ({
    name: name.slice(0, LONGEST_NAME),
    reason: reason.slice(0, LONGEST_REASON),
  }))
  const text = JSON.stringify(entries)
  const nowMs = Date.now()
  if (known?.text === text && nowMs - known.atMs < REPORT_AGAIN_MS) return
  if (reported.size >= MOST_KEPT) reported.clear()
  if (leftOut.length === 0) reported.delete(key)
  else reported.set(key, { text, atMs: nowMs })
  report(link, { atMs: nowMs, leftOut: { kind, entries } })
}
