/** Whose page it is, who reads it, and the way out. PURE. */
import type { Role } from '../../admin/roles.ts'
import { type Html, html } from './html.ts'
import { inline } from './visible.ts'

/** Whoever is signed in. */
export interface Reader {
  /** As decisions are on record: `root`, or `person:<name>`. */
  readonly actor: string
  /** Null: the root token. */
  readonly name: string | null
  readonly role: Role
  /** Whether Cloudflare Access vouches, and there is nothing here to sign out of. */
  readonly byAccess: boolean
}

/** Of which tenant a page is, where its pages are, and for whom it is made. */
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
