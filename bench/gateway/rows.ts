/**
 * Counts the rows that a call writes in its principal, as the platform bills them: those of the call itself, of its outcome, and of carrying
 * the audit row away and deleting it. Rows in the audit database are not in it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startAuditDatabase } from '../../test/support/node/audit-database.ts'
import { startBare } from '../../test/support/node/bare-workerd.ts'
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { load } from './load.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, setUpGateway, TENANT } from './subjects.ts'

/** Outcomes that nothing carries leave the isolate within that time. */
const OUTCOMES_MS = 2_000
/** After that an audit row is carried, with its outcome or without. */
const CARRIED_MS = 2 * 60_000
/** After that it is deleted, also where its call might have been refunded. */
const DELETED_MS = 2 * 3_600_000

/** The object is calm when nothing was written so many times in a row, so far apart. */
const CALM = 4
const CALM_MS = 250

interface Written {
  readonly rows: number
  /** Each is billed as a row, too. */
  readonly alarms: number
  /** Still there. */
  readonly auditRows: number | null
}

/** Prints the rows of a call at each width. */
export async function countRows({
  seconds,
  widths,
  eras,
}: {
  readonly seconds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
}): Promise<void> {
  const stops: (() => Promise<void>)[] = []
  try {
    const upstream = await startSmallWorker('upstream-worker.js')
    stops.push(() => upstream.stop())
    const database = await startAuditDatabase()
    stops.push(() => database.stop())
    const gateway = await startBare(
      { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
      { main: 'bench/gateway/worker/index.ts', auditDb: database.address },
    )
    stops.push(() => gateway.stop())
    const ask = async (path: string) => (await (await fetch(`${gateway.url}${path}`)).json()) as Written
    // Work that the alarm begins and does not wait for is over once an alarm finds nothing more to write.
    const later = async (ms: number) => {
      let last = await ask(`/later?ms=${ms}&of=${TENANT}/agent-0`)
      for (let calm = 0; calm < CALM; ) {
        await sleep(CALM_MS)
        const now = await ask(`/later?ms=0&of=${TENANT}/agent-0`)
        calm = now.rows === last.rows ? calm + 1 : 0
        last = now
      }
      return last
    }
    const tokens = await setUpGateway(gateway.url, upstream.url, 1)
    for (const era of eras)
      for (const width of widths) {
        // Anew each time: with the clock its session has come to its end.
        const { url, requests } = await gatewaySubject(gateway.url, tokens, era)
        const before = await ask('/written')
        const { calls } = await load(url, requests, { width, seconds, expected: EXPECTED })
        const made = await ask('/written')
        await sleep(OUTCOMES_MS)
        const settled = await ask('/written')
        const carried = await later(CARRIED_MS)
        const deleted = await later(DELETED_MS)
        if (deleted.auditRows !== 0)
          throw new Error(
            `${deleted.auditRows} audit rows were not deleted, so what a call writes is not known`,
          )
        const each = (end: Written, begin: Written) =>
          ((end.rows + end.alarms - begin.rows - begin.alarms) / calls).toFixed(2)
        console.log(
          `  ${era}, ${width} connection${width === 1 ? '' : 's'}, ${calls} calls: ${each(deleted, before)} rows a call, ` +
            `alarms counted; ${each(made, before)} until the last was answered, ${each(settled, made)} for outcomes behind it, ` +
            `${each(carried, settled)} to carry, ${each(deleted, carried)} to delete`,
        )
      }
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}
