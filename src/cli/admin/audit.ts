/** `audit …`: what was decided and changed. */
import { auditFilters, type FilterName, filterNames, rowOrders } from '../../contract/audit-filters.ts'
import { type Api, Ended, type Json, type Query } from '../gateway/api.ts'
import { administer, momentOf, wholeNumber } from '../gateway/command.ts'
import { type Column, cellsOf, member, shownList } from '../gateway/shown.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Command } from '../kit/command.ts'
import { FINE, fine, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import { fittedTable, table } from '../kit/table.ts'
import { tail } from './tail.ts'

const PATH = '/audit'

/** One line a row, with what tells most. */
const columns: readonly Column[] = [
  member('at'),
  member('grant'),
  [
    'client',
    ({ client, client_version }) => (client == null ? null : [client, client_version ?? []].flat().join(' ')),
  ],
  ['who', ({ account, actor }) => account ?? actor],
  ['what', whatOf],
  member('server'),
  member('decision'),
  member('rule'),
  member('outcome'),
]

/**
 * The options that rows are asked for by, first those of the table's columns. Every column of the table but `at` has an option of
 * its name, which takes what stands in it; all match exactly.
 */
const fields: readonly Option[] = [...new Set([...columns.map(([name]) => name), ...filterNames])]
  .filter((name): name is FilterName => Object.hasOwn(auditFilters, name))
  .map((name) => {
    const { help, values } = auditFilters[name]
    const option = { name: name.replaceAll('_', '-'), value: 'X', help }
    return values === undefined ? option : { ...option, values }
  })
const times: readonly Option[] = [
  { name: 'from', value: 'TIME', help: 'from then on: 2030-01-31T12:00:00Z, or 1h for an hour ago' },
  { name: 'to', value: 'TIME', help: 'before then, said in the same way' },
]
const filters: readonly Option[] = [...fields, ...times]

/** The tool of a call; of all else what was done, and to what. */
function whatOf({ tool, action, method, subject, kind }: Json): unknown {
  if (tool != null) return tool
  const done = action ?? method
  return done == null ? kind : [done, subject ?? []].flat().join(' ')
}

export const auditCommands: readonly Command[] = [
  administer({
    group: 'audit',
    name: 'query',
    summary: 'Show rows of the audit trail, the youngest first',
    notes: [
      'Each column but “at” has an option of its name, which takes what stands there; all match exactly. At a terminal',
      'rows are cut to its width, with “…”: --json, or a pipe, has them whole.',
    ],
    options: [
      ...filters,
      { name: 'limit', value: 'N', help: 'at most so many; 100 where absent' },
      { name: 'order', value: 'ORDER', values: rowOrders, help: `${rowOrders.join(' or ')} first` },
    ],
    json: ['items', 'complete_until'],
    examples: [
      'gatehouse audit query --decision deny --from 24h',
      'gatehouse audit query --tool pay__transfer --from 2030-01-31T00:00:00Z',
      'gatehouse audit query --who ana --kind call',
      'gatehouse audit query --client claude-code --client-version 2.1.0',
    ],
    run: async (api, given, world) => {
      const limit = wholeNumber(api, given, 'limit') ?? 100
      const query = { ...filterOf(api, given, world), order: given.values.get('order') }
      const { items, first } = await api.list(PATH, query, Math.max(1, limit))
      const { complete_until = null } = first
      const shown = shownList(items, columns)
      return { ...shown, errors: [completeLine(complete_until)], data: { items, complete_until } }
    },
  }),
  administer({
    group: 'audit',
    name: 'tail',
    summary: 'Show rows as they happen, until it is stopped; --json prints each whole, one a line',
    options: filters,
    json: 'rows',
    examples: ['gatehouse audit tail --decision deny'],
    exitCodes: '1 the gateway will not; 2 not understood, no answer, or it may not see it any more',
    run: (api, given, world) => {
      const line = given.switches.has('json') ? null : (row: Json) => tailLine(row, world.width())
      return tail(api, { path: PATH, query: filterOf(api, given, world), line }, world)
    },
  }),
  administer({
    group: 'audit',
    name: 'export',
    summary: 'Print all rows as lines of JSON, in the order in which they came',
    options: [
      ...filters,
      { name: 'after', value: 'LAST', help: 'only what came after an earlier export’s last' },
    ],
    exitCodes: '0 all of it; 2 not understood, or the export is not whole',
    json: 'rows',
    examples: [
      'gatehouse audit export > audit.ndjson',
      'gatehouse audit export --after 4711 >> audit.ndjson',
    ],
    run: exportAll,
  }),
  administer({
    group: 'audit',
    name: 'verify',
    summary: 'Prove that no row was removed or altered',
    exitCodes: '0 intact; 1 something is missing or altered; 2 not understood, or no answer',
    json: ['intact', 'rows', 'logs', 'findings'],
    examples: ['gatehouse audit verify'],
    run: verify,
  }),
]

function filterOf(api: Api, given: Given, world: World): Query {
  return {
    ...Object.fromEntries(fields.map(({ name }) => [name.replaceAll('-', '_'), given.values.get(name)])),
    ...Object.fromEntries(
      times.map(({ name }) => [name, momentOf(api, given, { option: name, direction: 'ago', world })]),
    ),
  }
}

/** Up to when nothing is missing: what happened later may still be where it was decided. */
function completeLine(until: unknown): string {
  if (typeof until === 'string') return `complete until ${until}: what came later may be missing still`
  return 'up to when this is complete, the gateway cannot say; of one grant (--grant) it can'
}

function tailLine(row: Json, width: number | null): string {
  const rows = [cellsOf(row, columns)]
  const [line = ''] = width === null ? table(rows) : fittedTable(rows, width, false)
  return line.trimEnd()
}

/** The last line says that it is whole, or where to go on; so does what is printed. */
async function exportAll(api: Api, given: Given, world: World) {
  const filter = filterOf(api, given, world)
  let after: string | undefined = given.values.get('after')
  for (;;) {
    let end: Json | null = null
    for await (const line of api.lines(`${PATH}/export`, { ...filter, after })) {
      if (line === '') continue
      const row = JSON.parse(line) as Json
      if (row.end === true) end = row
      if (row.end !== true || row.next === null) world.print(`${line}\n`)
    }
    if (end === null) {
      const errors = [`${api.command}: the export is not whole: its last line did not come`]
      throw new Ended({
        code: 2,
        lines: [],
        errors,
        data: { errors: [{ incomplete: 'its last line did not come' }] },
      })
    }
    if (typeof end.next !== 'string') return fine([], undefined)
    after = end.next
  }
}

async function verify(api: Api): Promise<Outcome> {
  const findings: Json[] = []
  let rows = 0
  let logs = 0
  let after: unknown
  do {
    const { body } = await api.post(`${PATH}/verify`, { body: after === undefined ? {} : { after } })
    findings.push(...(body.findings as Json[]))
    rows += Number(body.rows)
    logs += Number(body.logs)
    after = body.next ?? undefined
  } while (after !== undefined)
  const intact = findings.length === 0
  const found = findings.map(
    ({ grant, chain, seq, problem, between }) =>
      `${problem}: grant ${grant}, chain ${chain}, row ${seq}${within(between)}`,
  )
  return {
    code: intact ? FINE : PROBLEMS,
    lines: [...found, `${intact ? 'intact' : 'NOT intact'}: ${rows} rows of ${logs} logs`],
    errors: [],
    data: { intact, rows, logs, findings },
  }
}

/** Between which rows something was altered, where that is known. */
function within(between: unknown): string {
  return Array.isArray(between) ? `, after row ${between[0]} and not behind row ${between[1]}` : ''
}
