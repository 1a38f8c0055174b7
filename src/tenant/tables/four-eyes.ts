/**
 * Refuses changes of an administrator that an approval depends on: of the names by which they are known themselves, and of the ownership
 * of an agent of theirs. Otherwise the person who asks could be the one who approves (docs/approvals.md). Others can make the change for
 * them.
 */
import type { PersonDocument } from '../../contract/person-document.ts'
import { type ChangeContext, type PersonView, Refusal } from '../../contract/tenant.ts'

/** @throws Refusal when somebody changes by what they are known to sessions or to Access */
export function refuseOwnNames(
  by: ChangeContext,
  name: string,
  before: PersonView | null,
  after: PersonDocument,
): void {
  if (!isBy(by, name)) return
  // Removed a moment ago: nobody adds themselves.
  if (before === null) throw forbidden('You are nobody of this tenant any more.')
  if (before.email !== after.email)
    throw forbidden('/email: found another than yours; allowed: yours, until somebody else changes it')
  const { added, removed } = accountChanges(before, after)
  if (added.length + removed.length > 0)
    throw forbidden('/accounts: found others than yours; allowed: yours, until somebody else changes them')
}

/** @throws Refusal when the owner of a grant gives it another, or none */
export function refuseOwnGrant(by: ChangeContext, before: string | null, after: string | null): void {
  if (before === null || before === after || !isBy(by, before)) return
  const found = after === null ? 'null' : JSON.stringify(after)
  throw forbidden(
    `/owner: found ${found}; allowed: ${JSON.stringify(before)}, until somebody else changes it`,
  )
}

/** Which accounts a change gives a person, and which it takes. */
export function accountChanges(before: Pick<PersonDocument, 'accounts'> | null, after: PersonDocument) {
  const had = new Set(before?.accounts)
  const has = new Set(after.accounts)
  return { added: [...has.difference(had)], removed: [...had.difference(has)] }
}

function isBy({ actor }: ChangeContext, person: string): boolean {
  return actor === `person:${person}`
}

function forbidden(problem: string): Refusal {
  return new Refusal('forbidden', [problem])
}
