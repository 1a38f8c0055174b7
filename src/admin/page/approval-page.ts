/** An approval as whoever is signed in sees it, and the form by which it is decided. PURE. */
import { whyNoContent } from '../../approvals/no-content.ts'
import type { ApprovalContent, ApprovalState, ApprovalView, NoContent } from '../../contract/approvals.ts'
import type { Page } from './document.ts'
import { type Heading, headerOf } from './header.ts'
import { type Html, html } from './html.ts'
import { alert } from './sign-in-page.ts'
import { fromNow, time } from './times.ts'
import { exactJson, valueList } from './values.ts'
import { inline } from './visible.ts'

/** As the API takes it. */
export const LONGEST_REASON = 1_000

export interface Shown extends Heading {
  readonly approval: ApprovalView
  /** The person whose agent the grant is; null for nobody. */
  readonly owner: string | null
  /** The name by which people know the grant; null for one that is there no more. */
  readonly label: string | null
  /** For people who may decide; null for others. */
  readonly judged: {
    readonly content: ApprovalContent | null
    readonly absent: NoContent | null
    readonly formToken: string
  } | null
  readonly nowMs: number
  /** The reason why a decision was not taken. */
  readonly problem?: string | null
  /** The text that was typed with that decision. */
  readonly reason?: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

export function approvalPage(shown: Shown): Page {
  const { approval, nowMs, problem = null, status = 200, headers = {} } = shown
  return {
    status,
    headers,
    title: titles[approval.state],
    header: headerOf(shown),
    main: html`<h1>${titles[approval.state]}</h1>
${problem !== null && alert(problem)}<p class="state">${stateOf(approval)}</p>
${approval.state === 'pending' && html`<p>${inline(approval.grant)} asked ${fromNow(approval.requestedAtMs, nowMs)}; it can be decided until ${time(approval.expiresAtMs, nowMs)}.</p>\n`}${whatOf(shown)}${whoOf(shown)}${whenOf(shown)}${decisionOf(shown)}`,
  }
}

const titles: Readonly<Record<ApprovalState, string>> = {
  pending: 'A call waits for approval',
  approved: 'A call that was approved',
  denied: 'A call that was denied',
  used: 'A call that was approved and made',
  asking: 'A call that was approved, and is asked about',
  expired: 'A call whose time is over',
}

function stateOf({ state, usedAtMs }: ApprovalView): string {
  switch (state) {
    case 'pending':
      return 'Nobody has decided yet. The call has not been made.'
    case 'approved':
      return 'It may be made, once. It has not been made yet.'
    case 'denied':
      return usedAtMs === null
        ? 'It was denied, and has not been made.'
        : 'It was denied after it had been made, or while it was at its server. The denial does not undo it.'
    case 'used':
      return 'It was made, or is at its server. It is not made again.'
    case 'asking':
      return 'Its server asks for input before it does anything. The call that brings it goes on.'
    case 'expired':
      return 'It was not made in its time. The agent has to ask again.'
  }
}

function whatOf({ approval, judged }: Shown): Html {
  const { tool, server, message } = approval
  return html`<h2>The call</h2>
<dl>
<dt>Tool</dt><dd><code>${inline(tool)}</code></dd>
<dt>Server</dt><dd><code>${inline(server)}</code></dd>
<dt>Message of the policy</dt><dd>${inline(message)}</dd>
</dl>
${valuesOf(approval, judged)}`
}

function valuesOf({ argumentNames }: ApprovalView, judged: Shown['judged']): Html {
  if (judged?.content)
    return html`<h3>Arguments</h3>
${valueList('args', judged.content.arguments, judged.content)}
${judged.content.meta !== null && html`<h3><code>_meta</code> that goes along</h3>\n${valueList('_meta', judged.content.meta, judged.content)}\n`}${exactJson(judged.content)}`
  const why = judged === null ? ROLES : judged.absent === null ? '' : whyNoContent(judged.absent)
  return html`<h3>Arguments</h3>
${argumentNames.length === 0 ? html`<p>None.</p>` : html`<ul>${argumentNames.map((name) => html`<li><code>${inline(name)}</code></li>`)}</ul>`}
<p class="concealed">${why}</p>
`
}

const ROLES =
  'Values are shown to those who may decide: people with the role approver or admin, and the root token.'

function decisionOf(shown: Shown): Html {
  const { approval, judged, reader, nowMs } = shown
  const { decidedAtMs, decidedBy, reason, usedAtMs } = approval
  const decided =
    decidedAtMs !== null &&
    html`<dl>
<dt>Decided by</dt><dd>${decidedBy === reader.actor ? html`${inline(decidedBy)} (you)` : inline(decidedBy ?? '')}</dd>
<dt>When</dt><dd>${time(decidedAtMs, nowMs)}</dd>
<dt>Reason</dt><dd>${reason === null ? 'None was given.' : inline(reason)}</dd>
</dl>
`
  const closed = decidedAtMs === null && reason !== null && html`<p>${inline(reason)}</p>\n`
  const made = usedAtMs !== null && html`<dl><dt>Made</dt><dd>${time(usedAtMs, nowMs)}</dd></dl>\n`
  return html`<h2>Decision</h2>
${decided}${closed}${made}${judged === null ? html`<p>You can read this and not decide: that takes the role approver or admin, or the root token.</p>\n` : formOf(shown, judged.formToken)}`
}

/** The decisions that are still possible. */
function choicesIn({ state, expiresAtMs }: ApprovalView, nowMs: number): readonly ('approve' | 'deny')[] {
  if (state === 'pending') return ['approve', 'deny']
  return expiresAtMs > nowMs && (state === 'approved' || state === 'used' || state === 'asking')
    ? ['deny']
    : []
}

function formOf({ approval, judged, nowMs, reason = '' }: Shown, formToken: string): Html {
  const choices = choicesIn(approval, nowMs)
  const partly = partlyShown(approval, judged)
  const [only] = choices
  if (only === undefined)
    return html`${reason !== '' && html`<p>You had written: ${inline(reason)}</p>\n`}<p>Nothing is left to decide.</p>\n`
  return html`${choices.length === 1 && html`<p>${approval.state === 'approved' ? 'It can still be denied, until its time is over.' : 'It can be denied, so that it does not go on or come again. Nothing that was done by then is undone.'}</p>\n`}${partly !== null && alert(partly)}<form method="post">
<input type="hidden" name="do" value="decide">
<input type="hidden" name="form" value="${formToken}">
<label for="reason">Reason</label>
<p class="help" id="reason-help">At most ${LONGEST_REASON.toLocaleString('en')} characters; it may stay empty. It is kept with the approval and in the audit trail, and the agent is told it
of a denial.</p>
<textarea id="reason" name="reason" maxlength="${LONGEST_REASON}" rows="3" aria-describedby="reason-help">
${reason}</textarea>
<p class="buttons">${choices.map((choice) => buttons[choice])}</p>
</form>
`
}

/** A warning that something is not shown; null where all of it is. */
function partlyShown({ state }: ApprovalView, judged: Shown['judged']): string | null {
  if (state !== 'pending' || judged === null) return null
  if (judged.content === null) return 'You are not shown what this call carries: it says above why.'
  const { omitted, concealed } = judged.content
  if (omitted.length > 0)
    return 'You are not shown all that this call carries: something in it was too long to be kept.'
  return concealed.length > 0
    ? 'You are not shown all that this call carries: the policy conceals something in it.'
    : null
}

const buttons = {
  approve: html`<button class="yes" type="submit" name="decision" value="approve">Approve this call</button> `,
  deny: html`<button class="no" type="submit" name="decision" value="deny">Deny this call</button>`,
}

function whoOf({ approval, owner, label }: Shown): Html {
  const { grant, account, client, sessionId } = approval
  const version = client?.version ?? null
  return html`<h2>The agent</h2>
<dl>
<dt>Grant</dt><dd>${inline(grant)}${label !== null && label !== grant && html` (${inline(label)})`}</dd>
<dt>Owner</dt><dd>${owner === null ? 'None.' : inline(owner)}</dd>
<dt>Account</dt><dd>${account === null ? 'Not logged in.' : inline(account)}</dd>
<dt>Client</dt><dd>${client === null ? 'It has not said.' : html`${inline(client.name)} ${version !== null && inline(version)} <span class="kind">(as it calls itself)</span>`}</dd>
${sessionId !== null && html`<dt>Session</dt><dd>${inline(sessionId)}</dd>\n`}</dl>
`
}

function whenOf({ approval, nowMs }: Shown): Html {
  const { requestedAtMs, expiresAtMs, rule, configVersion, id, argumentsHmac } = approval
  return html`<h2>Time and rule</h2>
<dl>
<dt>Asked for</dt><dd>${time(requestedAtMs, nowMs)}</dd>
<dt>Can be decided, and made, until</dt><dd>${time(expiresAtMs, nowMs)}</dd>
<dt>Rule of the policy</dt><dd><code>${inline(rule)}</code></dd>
<dt>Version of the policy</dt><dd><code>${inline(configVersion)}</code></dd>
<dt>Id</dt><dd><code>${inline(id)}</code></dd>
${argumentsHmac !== null && html`<dt>Arguments in the audit trail</dt><dd><code>${inline(argumentsHmac)}</code></dd>\n`}</dl>`
}
