/** Whose page it is, who is signed in, and the way out. PURE. */
import { actorOf, type Who } from '../../admin/who.ts'
import { type Html, html } from './html.ts'
import { inline } from './visible.ts'

export function headerOf({
  tenant,
  base,
  who,
  byAccess,
}: {
  readonly tenant: string
  readonly base: string
  readonly who: Who
  readonly byAccess: boolean
}): Html {
  const name = who.kind === 'root' ? 'the root token' : html`${inline(who.name)}, ${who.role}`
  const out = byAccess
    ? html`<a href="/cdn-cgi/access/logout">Sign out of Cloudflare Access</a>`
    : html`<form method="post"><button type="submit" name="do" value="sign-out">Sign out</button></form>`
  return html`<p><a href="${base}">Approvals</a> of ${inline(tenant)}</p><div class="who"><p>Signed in: <span title="${actorOf(who)}">${name}</span></p>${out}</div>`
}
