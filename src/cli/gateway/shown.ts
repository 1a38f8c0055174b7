/** Shows the API's answers to people, as tables and documents. */
import { stringify } from 'yaml'
import { fine, type Outcome } from '../kit/outcome.ts'
import { table } from '../kit/table.ts'
import type { Json } from './api.ts'

/** The head of a column, and what is in it. */
export type Column = readonly [head: string, of: (item: Json) => unknown]

/** A column of a member. */
export function member(name: string, head: string = name.replaceAll('_', ' ')): Column {
  return [head, (item) => item[name]]
}

/** A list: for people a table, for programs the items. */
export function shownList(items: readonly Json[], columns: readonly Column[]): Outcome {
  const rows = items.map((item) => columns.map(([, of]) => cell(of(item))))
  const lines = items.length === 0 ? ['none'] : table([columns.map(([head]) => head), ...rows])
  return fine(
    lines.map((line) => line.trimEnd()),
    { items },
  )
}

/** One thing, as YAML. */
export function shownThing(thing: Json): Outcome {
  return fine(yamlLines(thing), thing)
}

export function yamlLines(value: unknown): string[] {
  return stringify(value, { lineWidth: 110 }).trimEnd().split('\n')
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '—'
  if (Array.isArray(value)) return value.map(String).join(',') || '—'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
