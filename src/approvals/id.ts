/** An approval's name. PURE. It names the grant, so that finding the principal that holds the call costs no lookup. */
const idPattern = /^apr_([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)_([0-9a-f]{32})$/

/** The id of a call that `grant` asked for; `uuid` makes it one that nobody guesses. */
export function approvalId(grant: string, uuid: string): string {
  return `apr_${grant}_${uuid.replaceAll('-', '')}`
}

/** The grant that an id names, or null for what is no id. */
export function grantOfApproval(id: string): string | null {
  return idPattern.exec(id)?.[1] ?? null
}

/**
 * Returns the address of the approval's page.
 *
 * @param base the address of the tenant's pages: origin.ts
 */
export function approvalUrl(base: string, id: string): string {
  return `${base}/approvals/${id}`
}
