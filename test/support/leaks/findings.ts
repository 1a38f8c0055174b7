/** What was found where it must not be, in words that do not repeat it. PURE. */
import { type Place, whyMayStand } from './may-stand.ts'
import type { Searcher } from './search.ts'

export interface Finding {
  /** File, or object. */
  readonly where: string
  readonly place: Place
  readonly label: string
  readonly form: string
}

/** Looks through one piece of storage or log. */
export function findingsIn(
  searcher: Searcher,
  hay: Uint8Array | string,
  where: string,
  place: Place,
): Finding[] {
  return searcher
    .search(hay)
    .filter(({ needle }) => whyMayStand(needle, place) === null)
    .map(({ needle, form }) => ({ where, place, label: `${needle.kind}: ${needle.label}`, form }))
}

type Row = Readonly<Record<string, unknown>>

/** Looks through the rows of a table: each column at once, for rows are many and short. */
export function findingsInRows(
  searcher: Searcher,
  rows: Iterable<Row>,
  where: string,
  { store, table }: { readonly store: string; readonly table: string },
): Finding[] {
  const texts = new Map<string, string[]>()
  const findings: Finding[] = []
  for (const row of rows)
    for (const [column, value] of Object.entries(row)) {
      const text = textOf(value)
      if (text !== null) {
        const before = texts.get(column)
        if (before === undefined) texts.set(column, [text])
        else before.push(text)
      } else if (value instanceof Uint8Array || value instanceof ArrayBuffer)
        findings.push(...findingsIn(searcher, new Uint8Array(value), where, { store, table, column }))
    }
  for (const [column, all] of texts)
    findings.push(...findingsIn(searcher, all.join('\n'), where, { store, table, column }))
  return findings
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : null
}

/** One line a finding, each once. */
export function told(findings: readonly Finding[]): string {
  const lines = findings.map(({ where, place: { table, column }, label, form }) => {
    const inside = table === null ? '' : `, table ${table}, column ${column}`
    return `${where}${inside}: ${label} (${form})`
  })
  return [...new Set(lines)].join('\n')
}
