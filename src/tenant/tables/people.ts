/** The people who administer a tenant, and their tokens, of which only the SHA-256 is kept. */
import { sameBytes } from '../../base/same-bytes.ts'
import { MOST } from '../../contract/capacity.ts'
import type { PersonDocument } from '../../contract/person-document.ts'
import type { PersonRole } from '../../contract/roles.ts'
import { type PersonView, Refusal } from '../../contract/tenant.ts'
import { etagOf } from './etags.ts'
import { forgetIdempotencyKeysOf } from './idempotency.ts'

interface PersonRow extends Record<string, SqlStorageValue> {
  name: string
  role: PersonRole
  email: string | null
  accounts: string
  created_at: number
  updated_at: number
  tokens: number
}

const PERSON = `SELECT *, (SELECT count(*) FROM person_tokens
  WHERE person = name AND (until IS NULL OR until > ?)) AS tokens FROM people`

export function listPeople(sql: SqlStorage, nowMs: number): PersonView[] {
  return sql
    .exec<PersonRow>(`${PERSON} ORDER BY name`, nowMs)
    .toArray()
    .map((row) => viewOf(sql, row))
}

export function peopleNames(sql: SqlStorage): string[] {
  return sql
    .exec<{ name: string }>('SELECT name FROM people ORDER BY name')
    .toArray()
    .map(({ name }) => name)
}

export function readPerson(sql: SqlStorage, name: string, nowMs: number): PersonView | null {
  const row = sql.exec<PersonRow>(`${PERSON} WHERE name = ?`, nowMs, name).toArray()[0]
  return row === undefined ? null : viewOf(sql, row)
}

export function personByEmail(sql: SqlStorage, email: string, nowMs: number): PersonView | null {
  const row = sql.exec<PersonRow>(`${PERSON} WHERE email = ?`, nowMs, email).toArray()[0]
  return row === undefined ? null : viewOf(sql, row)
}

/** @param document whose `email` is in lower case */
export function writePerson(
  sql: SqlStorage,
  name: string,
  { role, email, accounts }: PersonDocument,
  nowMs: number,
): void {
  const before = readPerson(sql, name, nowMs)
  if (before === null && listPeople(sql, nowMs).length >= MOST.people)
    throw new Refusal('conflict', [`found ${MOST.people} people already; allowed: at most ${MOST.people}`])
  const other = email === null ? null : personByEmail(sql, email, nowMs)
  if (other !== null && other.name !== name)
    throw new Refusal('conflict', [`/email: found the address of ${other.name}; allowed: one of nobody else`])
  sql.exec(
    `INSERT INTO people (name, role, email, accounts, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET role = excluded.role, email = excluded.email, accounts = excluded.accounts,
       updated_at = excluded.updated_at`,
    ...[name, role, email, JSON.stringify(accounts), nowMs, nowMs],
  )
}

export function deletePerson(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM people WHERE name = ?', name)
  revokeTokens(sql, name)
  // Answers to what they asked, tokens among them, are for nobody who is called the same one day.
  forgetIdempotencyKeysOf(sql, `person:${name}`)
}

/** Adds a token; those before it are good until `olderUntilMs` at most. The same one again changes nothing. */
export function addToken(
  sql: SqlStorage,
  {
    person,
    hash,
    untilMs,
    olderUntilMs,
  }: {
    readonly person: string
    readonly hash: Uint8Array
    readonly untilMs: number | null
    readonly olderUntilMs: number
  },
  nowMs: number,
): void {
  const bytes = hash.slice().buffer
  sql.exec(
    'UPDATE person_tokens SET until = min(coalesce(until, ?1), ?1) WHERE person = ?2 AND hash <> ?3',
    olderUntilMs,
    person,
    bytes,
  )
  sql.exec('DELETE FROM person_tokens WHERE until <= ?', nowMs)
  sql.exec('INSERT OR REPLACE INTO person_tokens VALUES (?, ?, ?, ?)', person, bytes, nowMs, untilMs)
}

export function revokeTokens(sql: SqlStorage, person: string): void {
  sql.exec('DELETE FROM person_tokens WHERE person = ?', person)
}

const NO_HASH = new Uint8Array(32)

/** Returns the person whose valid token has this hash, or null. Takes the same time for a person who is not there. */
export function personByToken(
  sql: SqlStorage,
  name: string,
  hash: Uint8Array,
  nowMs: number,
): PersonView | null {
  const stored = sql
    .exec<{ hash: ArrayBuffer }>(
      'SELECT hash FROM person_tokens WHERE person = ? AND (until IS NULL OR until > ?)',
      name,
      nowMs,
    )
    .toArray()
    .map((row) => new Uint8Array(row.hash))
  let opens = false
  for (const one of [NO_HASH, ...stored]) {
    if (sameBytes(one, hash)) opens ||= one !== NO_HASH
  }
  return opens ? readPerson(sql, name, nowMs) : null
}

function viewOf(sql: SqlStorage, row: PersonRow): PersonView {
  const { name, role, email, created_at, updated_at, tokens } = row
  const tag = etagOf(sql, `person/${name}`)
  const accounts = JSON.parse(row.accounts) as string[]
  return { name, role, email, accounts, tokens, createdAtMs: created_at, updatedAtMs: updated_at, tag }
}
