/** Rows under each other, for people. */

const BETWEEN = '  '
/** Stands in an empty cell. */
export const NOTHING = '—'
/** Nothing is cut to less than this. */
const SHORTEST = 6

type Rows = readonly (readonly string[])[]

/** One line a row; the columns are as wide as what is in them. */
export function table(rows: Rows): string[] {
  return laidOut(rows, widthsOf(rows).slice(0, -1))
}

/**
 * The same for a terminal of `width` characters. A table that does not fit loses the columns that are empty in all rows, and then
 * its longest cells are cut, with `…`; the first cell of a row is whole, for it names the row. Where there is no room for even that
 * much, lines are longer.
 *
 * @param rows the first of them are the heads, where there are any
 */
export function fittedTable(rows: Rows, width: number, hasHeads = true): string[] {
  if (isWithin(widthsOf(rows), width)) return table(rows)
  const isEmpty = (i: number) => rows.slice(1).every((row) => (row[i] ?? NOTHING) === NOTHING)
  const kept = hasHeads ? rows.map((row) => row.filter((_, i) => i === 0 || !isEmpty(i))) : rows
  const widths = widthsOf(kept)
  while (!isWithin(widths, width)) {
    const widest = Math.max(...widths.slice(1))
    if (widest <= SHORTEST) break
    widths[widths.indexOf(widest, 1)] = widest - 1
  }
  return laidOut(
    kept.map((row) => row.map((cell, i) => cut(cell, widths[i] ?? cell.length))),
    widths.slice(0, -1),
  )
}

function widthsOf(rows: Rows): number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  return Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
}

function isWithin(widths: readonly number[], width: number): boolean {
  return widths.reduce((sum, one) => sum + one, (widths.length - 1) * BETWEEN.length) <= width
}

function cut(cell: string, most: number): string {
  return cell.length <= most ? cell : `${cell.slice(0, most - 1)}…`
}

function laidOut(rows: Rows, widths: readonly number[]): string[] {
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(BETWEEN))
}
