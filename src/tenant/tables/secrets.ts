/** A tenant's named secrets, sealed, and the headers of servers that are made of them. Values only ever go in. */
import { MOST } from '../../contract/capacity.ts'
import type { HeaderValue, SecretHeader } from '../../contract/server-document.ts'
import { Refusal, type SecretView } from '../../contract/tenant.ts'
import { keyIdOf } from '../../secrets/seal.ts'
import { etagOf } from './etags.ts'

interface SecretRow extends Record<string, SqlStorageValue> {
  name: string
  sealed: string
  origins: string
  created_at: number
  updated_at: number
}

export function sealedSecrets(sql: SqlStorage): Map<string, string> {
  return new Map(
    sql
      .exec<SecretRow>('SELECT * FROM secrets ORDER BY name')
      .toArray()
      .map(({ name, sealed }) => [name, sealed]),
  )
}

export function listSecrets(sql: SqlStorage): SecretView[] {
  return sql
    .exec<SecretRow>('SELECT * FROM secrets ORDER BY name')
    .toArray()
    .map((row) => viewOf(sql, row))
}

export function viewSecret(sql: SqlStorage, name: string): SecretView | null {
  const row = sql.exec<SecretRow>('SELECT * FROM secrets WHERE name = ?', name).toArray()[0]
  return row === undefined ? null : viewOf(sql, row)
}

export function writeSecret(
  sql: SqlStorage,
  {
    name,
    sealed,
    origins,
  }: {
    readonly name: string
    readonly sealed: string
    readonly origins: readonly string[]
  },
  nowMs: number,
): void {
  const isNew = viewSecret(sql, name) === null
  if (isNew && sealedSecrets(sql).size >= MOST.secrets)
    throw new Refusal('conflict', [`found ${MOST.secrets} secrets already; allowed: at most ${MOST.secrets}`])
  sql.exec(
    `INSERT INTO secrets (name, sealed, origins, created_at, updated_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, origins = excluded.origins,
       updated_at = excluded.updated_at`,
    ...[name, sealed, JSON.stringify(origins), nowMs, nowMs],
  )
}

export function deleteSecret(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM secrets WHERE name = ?', name)
}

/** A header that is made of a secret, and of which server. */
export interface SecretUse extends SecretHeader {
  readonly server: string
  readonly header: string
}

export function usesOf(sql: SqlStorage, secret: string): SecretUse[] {
  return sql
    .exec<{ server: string; header: string; secret: string; prefix: string }>(
      'SELECT * FROM secret_headers WHERE secret = ? ORDER BY server, header',
      secret,
    )
    .toArray()
}

/** The headers of a server that are made of secrets. */
export function secretHeadersOf(sql: SqlStorage, server: string): Record<string, SecretHeader> {
  return Object.fromEntries(
    sql
      .exec<{ header: string; secret: string; prefix: string }>(
        'SELECT header, secret, prefix FROM secret_headers WHERE server = ?',
        server,
      )
      .toArray()
      .map(({ header, secret, prefix }) => [header, { secret, prefix }]),
  )
}

/** Remembers which headers of a server are made of secrets. One that is kept as it is stays what it was. */
export function writeSecretHeaders(
  sql: SqlStorage,
  server: string,
  headers: Readonly<Record<string, HeaderValue>>,
  kept: string,
): void {
  const before = secretHeadersOf(sql, server)
  sql.exec('DELETE FROM secret_headers WHERE server = ?', server)
  for (const [header, given] of Object.entries(headers)) {
    const value = given === kept ? before[header] : given
    if (typeof value !== 'object') continue
    sql.exec('INSERT INTO secret_headers VALUES (?, ?, ?, ?)', server, header, value.secret, value.prefix)
  }
}

function viewOf(sql: SqlStorage, { name, sealed, origins, created_at, updated_at }: SecretRow): SecretView {
  return {
    name,
    origins: JSON.parse(origins) as string[],
    keyId: keyIdOf(sealed),
    servers: [...new Set(usesOf(sql, name).map(({ server }) => server))],
    createdAtMs: created_at,
    updatedAtMs: updated_at,
    tag: etagOf(sql, `secret/${name}`),
  }
}
