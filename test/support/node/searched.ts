/**
 * The end of a run: all that it stored and printed is searched for what it used. Files are read as bytes, and the
 * databases of Durable Objects and of D1 as SQLite has them, every column of every table.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hearDeployment } from '../leaks/deployment.ts'
import { type Finding, findingsIn, findingsInRows, told } from '../leaks/findings.ts'
import { KEPT_TOO_LONG, keepsContents, keptTooLong } from '../leaks/kept.ts'
import { type Searcher, searcherOf } from '../leaks/search.ts'
import { recorder } from './recorder.ts'

/** One run of a gateway, which may have been killed and started again. */
export interface Run {
  /** Says that it has begun; whoever never ends it fails the test file. */
  readonly name: string
  /** Where its state is, once it has stopped. */
  readonly state: string
  /** Its variables, and so its secrets. */
  readonly vars: Readonly<Record<string, string>>
  /** All that it printed. */
  readonly output: () => string
}

/** Has a run that begins searched at its end. Returns what is to be done there: it throws what was found. */
export function searchedAtEnd({ name, state, vars, output }: Run): () => Promise<void> {
  const recording = recorder()
  if (recording === null) return async () => {}
  const { running, reading, needles } = recording
  const id = `${name} in ${state}`
  running.add(id)
  hearDeployment(needles, vars)
  return async () => {
    if (!running.delete(id)) return
    await Promise.all(reading)
    const searcher = searcherOf(needles.all())
    refuse([...inFolder(searcher, state), ...inLog(searcher, output())])
  }
}

/** Searches a database that a test keeps itself, as the audit database. */
export function searchDatabase(store: string, db: DatabaseSync): void {
  refuse(inDatabase(searcherOf(recorder()?.needles.all() ?? []), store, store, db))
}

export function refuse(findings: readonly Finding[]): void {
  if (findings.length > 0)
    throw new Error(`a run left behind what it must not (docs/security.md):\n${told(findings)}`)
}

export function inLog(searcher: Searcher, output: string): Finding[] {
  return findingsIn(searcher, output, 'log', { store: 'log', table: null, column: null })
}

export function inFolder(searcher: Searcher, folder: string): Finding[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  // As bytes first: opening a database takes its write-ahead log in.
  const asBytes = files.flatMap((file) => {
    const place = { store: storeOf(relative(folder, file)), table: null, column: null }
    return findingsIn(searcher, readFileSync(file), relative(folder, file), place)
  })
  const asTables = files
    .filter((file) => file.endsWith('.sqlite'))
    .flatMap((file) => {
      const db = new DatabaseSync(file)
      try {
        const name = relative(folder, file)
        return inDatabase(searcher, storeOf(name), name, db)
      } finally {
        db.close()
      }
    })
  return [...asBytes, ...asTables]
}

/** The class of a Durable Object, from the folder that the runtime keeps its objects in; D1's is the audit database. */
function storeOf(file: string): string {
  const folder = file.split(sep).at(-2) ?? ''
  const name = folder.replace(/^.*-/, '')
  return name === 'D1DatabaseObject' ? 'AUDIT_DB' : name
}

function inDatabase(searcher: Searcher, store: string, where: string, db: DatabaseSync): Finding[] {
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const schema = db.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL').all()
  const inSchema = findingsIn(searcher, JSON.stringify(schema), where, {
    store,
    table: 'sqlite_master',
    column: 'sql',
  })
  const names = tables.map(({ name }) => String(name))
  const kept = keepsContents(names) ? keptTooLong(db.prepare(KEPT_TOO_LONG).all(), store, where) : []
  return [...inSchema, ...kept, ...names.flatMap((name) => inTable(searcher, store, where, db, name))]
}

function inTable(
  searcher: Searcher,
  store: string,
  where: string,
  db: DatabaseSync,
  table: string,
): Finding[] {
  const statement = db.prepare(`SELECT * FROM "${table.replaceAll('"', '""')}"`)
  statement.setReadBigInts(true)
  return findingsInRows(searcher, statement.iterate(), where, { store, table })
}
