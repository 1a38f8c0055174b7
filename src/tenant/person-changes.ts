/** People and their tokens, changed; and whom a token or an address stands for. */
import type { By, Change, PersonDocument, PersonView, Removal } from './contract.ts'
import * as people from './people.ts'
import { present } from './present.ts'
import { record, recordGone } from './recording.ts'
import { readTenant } from './settings.ts'
import { demand } from './stamps.ts'
import type { Tenancy } from './tenancy.ts'

/** Whom `find` finds. Nobody, once the tenant is to go. */
export function personWho(
  tenancy: Tenancy,
  find: (sql: SqlStorage, nowMs: number) => PersonView | null,
): PersonView | null {
  if (!tenancy.isThere || readTenant(tenancy.sql)?.deletion !== null) return null
  return find(tenancy.sql, Date.now())
}

export async function putPerson(
  tenancy: Tenancy,
  tenant: string,
  name: string,
  document: PersonDocument,
  by: By,
): Promise<Change<PersonView>> {
  const { sql } = tenancy
  return tenancy.change(tenant, by, (nowMs) => {
    const before = people.readPerson(sql, name, nowMs)
    demand(sql, by.expected, `person/${name}`, before !== null)
    people.writePerson(sql, name, document, nowMs)
    const detail = { from: before?.role ?? null, to: document.role, accounts: document.accounts.length }
    record(sql, by, 'person.put', `person/${name}`, detail, nowMs)
    const now = present(people.readPerson(sql, name, nowMs))
    return { created: before === null, touched: [], now }
  })
}

export async function deletePerson(tenancy: Tenancy, name: string, by: By): Promise<Removal> {
  const { sql } = tenancy
  return tenancy.remove((nowMs) => {
    if (people.readPerson(sql, name, nowMs) === null) return null
    demand(sql, by.expected, `person/${name}`, true)
    people.deletePerson(sql, name)
    recordGone(sql, by, 'person.delete', `person/${name}`, nowMs)
    return []
  })
}

/** Gives a person a token; the ones before it are good until `olderUntilMs`. Null: there is no such person. */
export async function addPersonToken(
  tenancy: Tenancy,
  name: string,
  secretHash: Uint8Array,
  untilMs: number | null,
  olderUntilMs: number,
  by: By,
): Promise<Change<PersonView> | null> {
  const { sql } = tenancy
  if (!tenancy.isThere || people.readPerson(sql, name, Date.now()) === null) return null
  return tenancy.change('', by, (nowMs) => {
    people.addToken(sql, name, secretHash, untilMs, olderUntilMs, nowMs)
    record(sql, by, 'person.token', `person/${name}`, { until: untilMs }, nowMs)
    return { created: true, touched: [], now: present(people.readPerson(sql, name, nowMs)) }
  })
}

export async function revokePersonTokens(tenancy: Tenancy, name: string, by: By): Promise<Removal> {
  const { sql } = tenancy
  return tenancy.remove((nowMs) => {
    if (people.readPerson(sql, name, nowMs) === null) return null
    people.revokeTokens(sql, name)
    record(sql, by, 'person.revoke', `person/${name}`, {}, nowMs)
    return []
  })
}
