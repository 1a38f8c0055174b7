/** The page for everybody who is not signed in: the same for every id, whether or not an approval has it. PURE. */
import type { Page } from './document.ts'
import { type Html, html } from './html.ts'

/** Why the form is shown, where it is not the first thing that somebody asks for. */
export type SignInNotice = 'wrong' | 'over' | 'which_tenant'

const notices: Readonly<Record<SignInNotice, string>> = {
  wrong:
    'This token opens nothing here. Check that all of it was pasted, and that it is of this tenant and has not been replaced.',
  over: 'Your sign-in is over, so nothing was done. Sign in again.',
  which_tenant: 'This token opens every tenant. Say which one the approval is of, and paste it again.',
}

export interface SignInPage {
  /** True where neither the host nor the path names a tenant, so that the person has to. */
  readonly asksTenant: boolean
  readonly notice?: SignInNotice | null
  /** A reason that the person typed before the sign-in was over. */
  readonly reason?: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

export function signInPage({
  asksTenant,
  notice = null,
  reason = '',
  status = 200,
  headers = {},
}: SignInPage): Page {
  return {
    status,
    headers,
    title: 'Sign in',
    main: html`<h1>Sign in to see what waits for approval</h1>
${notice !== null && alert(notices[notice])}<p>An agent wants to make a call that a person must approve first. Sign in with your token to read it and to decide.</p>
<form method="post">
<input type="hidden" name="do" value="sign-in">
${reason !== '' && html`<input type="hidden" name="reason" value="${reason}">\n`}${asksTenant && tenantField}<label for="token">Token</label>
<p class="help" id="token-help">A person’s token begins with <code>gha_</code>; an administrator of the tenant gives it to you. It is not kept in your browser.
You stay signed in for 8 hours.</p>
<input id="token" name="token" type="password" autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="1024"${!asksTenant && html` required`} aria-describedby="token-help">
<p class="buttons"><button type="submit">Sign in</button></p>
</form>
<p class="help">A decision can also be made without this page: <code>gatehouse approval approve</code> or <code>deny</code> with the id, which is
the last part of this page’s address.</p>`,
  }
}

const tenantField = html`<label for="tenant">Tenant</label>
<p class="help" id="tenant-help">This address does not name it. A person’s token names it; with the root token, type it here.</p>
<input id="tenant" name="tenant" autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="63" aria-describedby="tenant-help">
`

/** The page of a gateway where nobody can sign in; the same for every approval, too. */
export function closedPage(why: 'no_keys' | 'no_tls'): Page {
  const text =
    why === 'no_keys'
      ? html`This gateway has no <code>ENCRYPTION_KEYS</code>, and without them nobody can sign in at this page.`
      : html`This page is for https alone: over http, a token that is pasted here could be read on its way.`
  return {
    status: 503,
    title: 'Not available',
    main: html`<h1>This page cannot be used here</h1>
${alert(text)}<p>The decision can be made with <code>gatehouse approval approve</code> or <code>deny</code> and the id, which is the last part of this page’s
address, or with the administration API.</p>`,
  }
}

/** Read out at once by what reads pages to people. */
export function alert(text: Html | string): Html {
  return html`<p class="alert" role="alert">${text}</p>\n`
}
