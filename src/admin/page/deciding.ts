/** A decision that is made on a page. */
import { decide } from '../deciding.ts'
import { may } from '../who.ts'
import { LONGEST_REASON } from './approval-page.ts'
import { setCookie } from './cookie.ts'
import { pageResponse, seeOther } from './document.ts'
import { revisionOf } from './form-token.ts'
import { refusedPage } from './list-page.ts'
import { pathTo } from './place.ts'
import { type PageExtras, present } from './showing.ts'
import { signedIn } from './sign-in.ts'
import { signInPage } from './sign-in-page.ts'
import type { Visit } from './visit.ts'

/** Writes down what the form says, and goes back to the page; or shows it with what went wrong, and what was typed. */
export async function decideOn(visit: Visit, fields: ReadonlyMap<string, string>): Promise<Response> {
  const { id, env, tenant, base, keys } = visit
  const decision = fields.get('decision')
  if (id === null || (decision !== 'approve' && decision !== 'deny'))
    return pageResponse(
      refusedPage(400, {
        title: 'Not accepted',
        text: 'The request is not the one that the form of this page sends. Nothing was done.',
      }),
    )
  // A form sends line ends as CR LF (HTML, "constructing the entry list").
  const reason = (fields.get('reason') ?? '').replace(/\r\n?/g, '\n').trim()
  const { signIn } = await signedIn(visit, Date.now())
  if (signIn === null) return signInAgain(visit, reason)
  const refuse = (status: number, problem: string, extras: PageExtras = {}) =>
    present(visit, signIn, { status, problem, reason, ...extras })
  if (!may(signIn.who, 'approver')) return refuse(403, problems.role)
  if (reason.length > LONGEST_REASON) return refuse(422, problems.reason)
  const revision = await revisionOf(
    keys,
    tenant,
    { signIn: signIn.id, approval: id },
    fields.get('form') ?? '',
  )
  if (revision === null) return refuse(409, problems.form)
  const said = { id, decision, reason: reason === '' ? null : reason, revision } as const
  const decided = await decide({ env, tenant, who: signIn.who }, said)
  switch (decided.kind) {
    case 'decided':
      return seeOther(pathTo(base, id))
    case 'absent':
      return present(visit, signIn)
    case 'nobody':
      return signInAgain(visit, reason)
    case 'own':
      return refuse(403, problems.own)
    case 'stale':
      return refuse(409, problems.stale)
    case 'conflict':
      return refuse(409, problems.conflict)
  }
}

const problems = {
  role: 'This was not decided: it takes the role approver or admin, or the root token.',
  reason: `This was not decided: the reason has more than ${LONGEST_REASON} characters.`,
  form: 'This was not decided: the page was of another sign-in. Look at the call again, and decide.',
  own: 'This was not decided: nobody approves a call of their own, or of their own agent. Somebody else has to. You can deny it.',
  stale:
    'This was not decided: something has changed since the page was loaded. Look at the call as it is now, and decide again.',
  conflict: 'This was not decided: it is too late for that, as the page now shows.',
} as const

function signInAgain({ jar, base }: Visit, reason: string): Promise<Response> {
  const headers = { 'set-cookie': setCookie(jar, base, null) }
  return pageResponse(signInPage({ asksTenant: false, notice: 'over', reason, status: 401, headers }))
}
