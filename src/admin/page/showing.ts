/** Shows whoever is signed in an approval, or what waits. */
import { grantOfApproval } from '../../approvals/id.ts'
import { judgedApproval } from '../../approvals/judged.ts'
import type { JudgedApproval } from '../../contract/approvals.ts'
import { principalObject, tenantObject } from '../../contract/objects.ts'
import { actorOf, may } from '../who.ts'
import { approvalPage } from './approval-page.ts'
import { setCookie } from './cookie.ts'
import { pageResponse } from './document.ts'
import { formToken } from './form-token.ts'
import type { Reader } from './header.ts'
import { absentPage, listPage, MOST_LISTED } from './list-page.ts'
import { type SignIn, signedIn } from './sign-in.ts'
import { signInPage } from './sign-in-page.ts'
import type { Visit } from './visit.ts'

/** Things that a page says beside the approval. */
export interface PageExtras {
  readonly problem?: string
  readonly reason?: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** The page for whoever asks for it. */
export async function show(visit: Visit): Promise<Response> {
  const { signIn, hadCookie } = await signedIn(visit, Date.now())
  if (signIn !== null) return present(visit, signIn)
  if (!hadCookie) return pageResponse(signInPage({ asksTenant: false }))
  const headers = { 'set-cookie': setCookie(visit.jar, visit.base, null) }
  return pageResponse(signInPage({ asksTenant: false, notice: 'over', headers }))
}

/** The approval, or the list, for somebody who is signed in. */
export async function present(visit: Visit, signIn: SignIn, extras: PageExtras = {}): Promise<Response> {
  const { id, env, tenant, base, keys } = visit
  const { who } = signIn
  const of = { tenant, base, reader: readerOf(signIn) }
  const nowMs = Date.now()
  if (id === null) {
    const most = { state: 'pending', after: null, limit: MOST_LISTED + 1 } as const
    return pageResponse(listPage({ ...of, pending: await tenantObject(env, tenant).approvals(most), nowMs }))
  }
  const grant = grantOfApproval(id)
  const mayDecide = may(who, 'approver')
  const [found, asker] =
    grant === null
      ? [null, null]
      : await Promise.all([
          mayDecide ? judgedApproval(env, tenant, id) : unjudged(visit, grant, id),
          tenantObject(env, tenant).grant(grant),
        ])
  if (found === null) {
    const { headers = {} } = extras
    return pageResponse({ ...absentPage(of), headers })
  }
  const { approval, content, absent } = found
  const { owner = null, label = null } = asker ?? {}
  const form = { signIn: signIn.id, approval: id }
  const judged = mayDecide
    ? { content, absent, formToken: await formToken(keys, tenant, form, approval.revision) }
    : null
  return pageResponse(approvalPage({ ...of, approval, owner, label, judged, nowMs, ...extras }))
}

function readerOf({ who, byAccess }: SignIn): Reader {
  const actor = actorOf(who)
  return who.kind === 'root'
    ? { actor, name: null, role: 'root', byAccess }
    : { actor, name: who.name, role: who.role, byAccess }
}

/** The approval without what it carries: that is not even asked for. */
async function unjudged({ env, tenant }: Visit, grant: string, id: string): Promise<JudgedApproval | null> {
  const approval = await principalObject(env, tenant, grant).approval(id)
  return approval === null ? null : { approval, content: null, absent: null }
}
