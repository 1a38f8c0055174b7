/** Everything that a tenant's object keeps sealed: where it is, what it is sealed for, and how it is replaced. */
import {
  headerContext,
  keyIdOf,
  repeatContext,
  sealedPrefix,
  secretContext,
  webhookContext,
} from '../../secrets/seal.ts'
import { sealedSecrets } from './secrets.ts'
import { readServer, serverNames, writeHeaders } from './servers.ts'
import { webhookNames } from './webhooks.ts'

/** One sealed value. */
export interface SealedPlace {
  readonly context: string
  /** The server that it is a header of, for principals hold copies; null: it is here alone. */
  readonly server: string | null
  /** Null: it is not there any more. */
  read(): string | null
  /** Puts `sealed` in the place of `before`; false where something else came there meanwhile, or nothing is. */
  replace(before: string, sealed: string): boolean
}

/** Every place whose value is not sealed with the key of this id. */
export function placesNotUnder(sql: SqlStorage, tenant: string, key: string): SealedPlace[] {
  return [
    ...headerPlaces(sql, tenant),
    ...secretPlaces(sql, tenant),
    ...webhookPlaces(sql, tenant),
    ...repeatPlaces(sql, tenant, key),
  ].filter((place) => isUnderAnother(place.read(), key))
}

function isUnderAnother(sealed: string | null, key: string): boolean {
  return sealed !== null && keyIdOf(sealed) !== key
}

function headerPlaces(sql: SqlStorage, tenant: string): SealedPlace[] {
  return serverNames(sql).flatMap((server) => {
    const headersNow = () => readServer(sql, server)?.headers ?? {}
    return Object.keys(headersNow()).map((header) => ({
      context: headerContext(tenant, server, header),
      server,
      read: () => headersNow()[header] ?? null,
      replace: (before: string, sealed: string) => {
        const stored = headersNow()
        if (stored[header] !== before) return false
        writeHeaders(sql, server, { ...stored, [header]: sealed })
        return true
      },
    }))
  })
}

function secretPlaces(sql: SqlStorage, tenant: string): SealedPlace[] {
  return [...sealedSecrets(sql).keys()].map((name) => ({
    context: secretContext(tenant, name),
    server: null,
    read: () => sealedIn(sql, 'SELECT sealed FROM secrets WHERE name = ?', name),
    replace: (before, sealed) =>
      changed(sql, 'UPDATE secrets SET sealed = ? WHERE name = ? AND sealed = ?', sealed, name, before),
  }))
}

/** The secret that messages are signed with, and the one before it while that signs, too. */
function webhookPlaces(sql: SqlStorage, tenant: string): SealedPlace[] {
  return webhookNames(sql).flatMap((name) =>
    (['secret', 'older_secret'] as const).map((column) => ({
      context: webhookContext(tenant, name),
      server: null,
      read: () => sealedIn(sql, `SELECT ${column} AS sealed FROM webhooks WHERE name = ?`, name),
      replace: (before: string, sealed: string) =>
        changed(
          sql,
          `UPDATE webhooks SET ${column} = ? WHERE name = ? AND ${column} = ?`,
          ...[sealed, name, before],
        ),
    })),
  )
}

/** There may be many, and long ones: only those that are asked for are read. */
function repeatPlaces(sql: SqlStorage, tenant: string, key: string): SealedPlace[] {
  const prefix = sealedPrefix(key)
  return (['seed', 'answer'] as const).flatMap((what) => {
    const column = `sealed_${what}`
    return sql
      .exec<{ row: number; actor: string; key: string }>(
        `SELECT rowid AS row, actor, key FROM repeats WHERE substr(${column}, 1, ?) <> ?`,
        ...[prefix.length, prefix],
      )
      .toArray()
      .map(({ row, actor, key }) => ({
        context: `${repeatContext(tenant, actor, key)}/${what}`,
        server: null,
        read: () => sealedIn(sql, `SELECT ${column} AS sealed FROM repeats WHERE rowid = ?`, row),
        replace: (before: string, sealed: string) =>
          changed(
            sql,
            `UPDATE repeats SET ${column} = ? WHERE rowid = ? AND ${column} = ?`,
            ...[sealed, row, before],
          ),
      }))
  })
}

function sealedIn(sql: SqlStorage, query: string, binding: SqlStorageValue): string | null {
  return sql.exec<{ sealed: string | null }>(query, binding).toArray()[0]?.sealed ?? null
}

function changed(sql: SqlStorage, update: string, ...bindings: SqlStorageValue[]): boolean {
  return sql.exec(`${update} RETURNING 1`, ...bindings).toArray().length > 0
}
