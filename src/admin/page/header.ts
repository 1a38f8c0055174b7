/** The head of a page: its tenant, its reader, and the button to sign out. PURE. */
import type { Role } from '../../contract/roles.ts'
import { type Html, html } from './html.ts'
import { inline } from './visible.ts'

/** The person who is signed in. */
export interface Reader {
  /** As decisions are on record: `root`, or `person:<name>`. */
  readonly actor: string
  /** Null: the root token. */
  readonly name: string | null
  readonly role: Role
  /** True if Cloudflare Access vouches for them, so that there is no cookie to forget. */
  readonly byAccess: boolean
}

/** The tenant of a page, the path of its pages, and the reader. */
export interface Heading {
  readonly tenant: string
  readonly base: string
  readonly reader: Reader
}

export function headerOf({ tenant, base, reader: { name, role, byAccess } }: Heading): Html {
  const out = byAccess
    ? html`<a href="/cdn-cgi/access/logout">Sign out of Cloudflare Access</a>`
    : html`<form method="post"><button type="submit" name="do" value="sign-out">Sign out</button></form>`
  return html`<p><a href="${base}">Approvals</a> of ${inline(tenant)}</p><div class="who"><p>Signed in: ${name === null ? 'the root token' : html`${inline(name)}, ${role}`}</p>${out}</div>`
}
