/** People and their tokens, changed; and whom a token or an address stands for. */

import type { PersonDocument } from '../../contract/person-document.ts'
import type { Change, ChangeContext, LeftAdmins, PersonView, Removal } from '../../contract/tenant.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { accountChanges, refuseOwnNames } from '../tables/four-eyes.ts'
import { hasNoAdminToken, takesLastAdmin } from '../tables/last-admin.ts'
import * as people from '../tables/people.ts'
import { present } from '../tables/present.ts'
import { record, recordGone } from '../tables/recording.ts'
import { readTenant } from '../tables/settings.ts'
import type { Tenancy } from '../work/tenancy.ts'

/** Returns the person that `find` finds. Null once the tenant is being deleted. */
export function personWho(
  tenancy: Tenancy,
  find: (sql: SqlStorage, nowMs: number) => PersonView | null,
): PersonView | null {
  if (!tenancy.isThere || readTenant(tenancy.sql)?.deletion !== null) return null
  return find(tenancy.sql, Date.now())
}

export async function putPerson(
  tenancy: Tenancy,
  {
    tenant,
    name,
    document,
  }: {
    readonly tenant: string
    readonly name: string
    readonly document: PersonDocument
  },
  by: ChangeContext,
): Promise<Change<PersonView> & LeftAdmins> {
  const { sql } = tenancy
  let leavesNoAdmin = false
  const change = await tenancy.change(tenant, by, (nowMs) => {
    const before = people.readPerson(sql, name, nowMs)
    checkPreconditions(sql, by.expected, `person/${name}`, before !== null)
    refuseOwnNames(by, name, before, document)
    leavesNoAdmin =
      before?.role === 'admin' && document.role !== 'admin' ? takesLastAdmin(sql, by, name) : false
    people.writePerson(sql, name, document, nowMs)
    const { added, removed } = accountChanges(before, document)
    const detail = {
      from: before?.role ?? null,
      to: document.role,
      accounts: document.accounts.length,
      ...(added.length === 0 ? {} : { added: listed(added) }),
      ...(removed.length === 0 ? {} : { removed: listed(removed) }),
      ...(before === null || before.email === document.email ? {} : { email_changed: true }),
    }
    record(sql, by, { action: 'person.put', subject: `person/${name}`, detail, atMs: nowMs })
    const now = present(people.readPerson(sql, name, nowMs))
    return { created: before === null, touched: [], now }
  })
  return { ...change, leavesNoAdmin }
}

/** The most characters of a list of accounts on record, as JSON. */
const MOST_LISTED = 400
const MOST_ACCOUNT = 64

/** As many as a change's detail has room for, separated by commas, and how many more there are. */
function listed(accounts: readonly string[]): string {
  let text = ''
  for (const [index, account] of accounts.entries()) {
    const short = account.length <= MOST_ACCOUNT ? account : `${account.slice(0, MOST_ACCOUNT)}…`
    const next = index === 0 ? short : `${text}, ${short}`
    // One alone always has room, whatever its characters are as JSON.
    if (index > 0 && JSON.stringify(next).length > MOST_LISTED)
      return `${text} (and ${accounts.length - index} more)`
    text = next
  }
  return text
}

export async function deletePerson(
  tenancy: Tenancy,
  name: string,
  by: ChangeContext,
): Promise<Removal & LeftAdmins> {
  const { sql } = tenancy
  let leavesNoAdmin = false
  const removed = await tenancy.remove((nowMs) => {
    const before = people.readPerson(sql, name, nowMs)
    if (before === null) return null
    checkPreconditions(sql, by.expected, `person/${name}`, true)
    leavesNoAdmin = before.role === 'admin' && takesLastAdmin(sql, by, name)
    people.deletePerson(sql, name)
    recordGone(sql, by, { action: 'person.delete', subject: `person/${name}`, atMs: nowMs })
    return []
  })
  return { ...removed, leavesNoAdmin }
}

/** Gives a person a token; the ones before it are good until `olderUntilMs`. Null: there is no such person. */
export async function addPersonToken(
  tenancy: Tenancy,
  {
    name,
    secretHash,
    untilMs,
    olderUntilMs,
  }: {
    readonly name: string
    readonly secretHash: Uint8Array
    readonly untilMs: number | null
    readonly olderUntilMs: number
  },
  by: ChangeContext,
): Promise<Change<PersonView> | null> {
  const { sql } = tenancy
  if (!tenancy.isThere || people.readPerson(sql, name, Date.now()) === null) return null
  return tenancy.change('', by, (nowMs) => {
    people.addToken(sql, { person: name, hash: secretHash, untilMs, olderUntilMs }, nowMs)
    record(sql, by, {
      action: 'person.token',
      subject: `person/${name}`,
      detail: { until: untilMs },
      atMs: nowMs,
    })
    return { created: true, touched: [], now: present(people.readPerson(sql, name, nowMs)) }
  })
}

/** Never refused: it is what a lost token asks for. */
export async function revokePersonTokens(
  tenancy: Tenancy,
  name: string,
  by: ChangeContext,
): Promise<Removal & LeftAdmins> {
  const { sql } = tenancy
  let leavesNoAdminToken = false
  const removed = await tenancy.remove((nowMs) => {
    const before = people.readPerson(sql, name, nowMs)
    if (before === null) return null
    people.revokeTokens(sql, name)
    leavesNoAdminToken = before.role === 'admin' && hasNoAdminToken(sql, nowMs)
    record(sql, by, { action: 'person.revoke', subject: `person/${name}`, detail: {}, atMs: nowMs })
    return []
  })
  return { ...removed, leavesNoAdminToken }
}
