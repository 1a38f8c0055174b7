/** Shows the API's answers to people, as tables and documents. */
import { stringify } from 'yaml'
import { fine, type Outcome } from '../kit/outcome.ts'
import { fittedTable, NOTHING, table } from '../kit/table.ts'
import type { Json } from './api.ts'

/** The head of a column, and what is in it. */
export type Column = readonly [head: string, of: (item: Json) => unknown]

/** A column of a member. */
export function member(name: string, head: string = name.replaceAll('_', ' ')): Column {
  return [head, (item) => item[name]]
}

/** A list: for people a table, for programs the items. */
export function shownList(items: readonly Json[], columns: readonly Column[]): Outcome {
  if (items.length === 0) return fine(['none'], { items })
  const rows = [columns.map(([head]) => head), ...items.map((item) => cellsOf(item, columns))]
  const trimmed = (lines: readonly string[]) => lines.map((line) => line.trimEnd())
  return {
    ...fine(trimmed(table(rows)), { items }),
    fitted: (width) => trimmed(fittedTable(rows, width)),
  }
}

/** The cells of a row, by column. */
export function cellsOf(item: Json, columns: readonly Column[]): string[] {
  return columns.map(([, of]) => cell(of(item)))
}

/** One thing, as YAML. */
export function shownThing(thing: Json): Outcome {
  return fine(yamlLines(thing), thing)
}

export function yamlLines(value: unknown): string[] {
  return stringify(value, { lineWidth: 110 }).trimEnd().split('\n')
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return NOTHING
  if (Array.isArray(value)) return value.map(String).join(',') || NOTHING
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
