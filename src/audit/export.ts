/** A tenant's trail as lines of JSON, in the order in which it came, read page by page as the client takes it. */
import type { Filter } from './filter.ts'
import { readArrived } from './query.ts'
import { shownRow } from './shown.ts'

const PAGE = 1_000
/** One request of the platform may ask only so often; where it ends, the last line says where to go on. */
const MOST_PAGES = 800

/**
 * One line a row; the last line is `{"end":true,"rows":…,"next":…}`. An export without it is not whole. `next` is for
 * `after`: null where there is no more now.
 */
export function exportRows(
  db: D1Database,
  tenant: string,
  filter: Filter,
  after: number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let arrived = after
  let rows = 0
  let pages = 0
  return new ReadableStream({
    async pull(controller) {
      const page = await readArrived(db, tenant, { filter, arrived, limit: PAGE })
      pages += 1
      rows += page.length
      arrived = page.at(-1)?.arrived ?? arrived
      let text = page.map((row) => `${JSON.stringify(shownRow(row))}\n`).join('')
      const isOver = page.length < PAGE
      if (isOver || pages >= MOST_PAGES)
        text += `${JSON.stringify({ end: true, rows, next: isOver ? null : String(arrived), last: String(arrived) })}\n`
      controller.enqueue(encoder.encode(text))
      if (isOver || pages >= MOST_PAGES) controller.close()
    },
  })
}
