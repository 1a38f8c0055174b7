/** The calls that wait for a decision, each with a link to its page. PURE. */
import type { ApprovalView } from '../../contract/approvals.ts'
import type { Page } from './document.ts'
import { type Heading, headerOf } from './header.ts'
import { html } from './html.ts'
import { pathTo } from './place.ts'
import { time } from './times.ts'
import { inline } from './visible.ts'

/** More is not shown: whoever has to go through more of them uses the command line. */
export const MOST_LISTED = 50

export interface Listed extends Heading {
  /** The youngest first; one more than are shown says that there are more. */
  readonly pending: readonly ApprovalView[]
  readonly nowMs: number
}

export function listPage(listed: Listed): Page {
  const { pending, base, nowMs } = listed
  const shown = pending.slice(0, MOST_LISTED)
  const items = shown.map(
    ({ id, tool, server, grant, account, requestedAtMs, expiresAtMs }) =>
      html`<li><a href="${pathTo(base, id)}"><code>${inline(tool)}</code> at <code>${inline(server)}</code></a><br>
asked by ${inline(grant)}${account !== null && html` for ${inline(account)}`}, ${time(requestedAtMs, nowMs)}; until ${time(expiresAtMs, nowMs)}</li>
`,
  )
  return {
    status: 200,
    title: 'Approvals',
    header: headerOf(listed),
    main: html`<h1>Calls that wait for approval</h1>
${items.length === 0 ? html`<p>Nothing waits.</p>` : html`<ul class="list">${items}</ul>`}
${pending.length > shown.length && html`<p>There are more than these ${MOST_LISTED}: <code>gatehouse approval list</code> shows all.</p>`}`,
  }
}

/** The answer to an id that is unknown, of another tenant or malformed, for a person who is signed in. */
export function absentPage(of: Heading): Page {
  return {
    status: 404,
    title: 'Not found',
    header: headerOf(of),
    main: html`<h1>There is no such approval</h1>
<p>This tenant has no approval of that id. An approval is kept for 30 days after its time. <a href="${of.base}">What waits now</a></p>`,
  }
}

/** A sentence about what could not be done, before anybody is known. */
export function refusedPage(
  status: number,
  {
    title,
    text,
    headers = {},
  }: {
    readonly title: string
    readonly text: string
    readonly headers?: Readonly<Record<string, string>>
  },
): Page {
  return {
    status,
    title,
    headers,
    main: html`<h1>${title}</h1>
<p>${text}</p>`,
  }
}
