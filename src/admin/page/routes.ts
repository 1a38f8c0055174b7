/**
 * The pages of approvals: `/approvals` and `/approvals/<id>` at a tenant's own host, and below `/t/<tenant>` at any. A visitor
 * who is not signed in gets the same for every id; one who is, the same for every id that is none of this tenant.
 */
import type { Context, Hono } from 'hono'
import { errorName, log } from '../../base/log.ts'
import type { WorkerContext } from '../../contract/env.ts'
import { secretKeys } from '../../secrets/seal.ts'
import { jarOf } from './cookie.ts'
import { decideOn } from './deciding.ts'
import { pageResponse } from './document.ts'
import { type ReadForm, readForm } from './form.ts'
import { refusedPage } from './list-page.ts'
import { type Place, placeOf } from './place.ts'
import { show } from './showing.ts'
import { closedPage, signInPage } from './sign-in-page.ts'
import { signInByForm, signInSomewhere, signOut } from './signing.ts'
import type { Visit } from './visit.ts'

const METHODS = 'GET, HEAD, POST'

/** @param nothing the answer where there is no page */
export function mountPages(app: Hono<WorkerContext>, nothing: () => Response): void {
  for (const prefix of ['/approvals', '/t/:tenant/approvals'])
    for (const path of [prefix, `${prefix}/`, `${prefix}/:id`])
      app.all(path, async (c) => {
        const { tenant = null, id = null } = c.req.param() as { tenant?: string; id?: string }
        const place = placeOf(c.env, new URL(c.req.url).hostname, tenant)
        if (place === null) return nothing()
        try {
          return await answer(c, place, id)
        } catch (error) {
          // Never the message: it may quote what was typed.
          log('error', 'approval_page.failed', { request: c.var.requestId, error: errorName(error) })
          return pageResponse(
            refusedPage(503, { title: 'Not available', text: UNAVAILABLE, headers: { 'retry-after': '1' } }),
          )
        }
      })
}

const UNAVAILABLE =
  'The gateway could not do this just now. If it was a decision, it may have been taken or not: go back and load the page anew to see.'

async function answer(
  c: Context<WorkerContext>,
  { tenant, base }: Place,
  id: string | null,
): Promise<Response> {
  const http = c.req.raw
  const { env } = c
  const isRead = http.method === 'GET' || http.method === 'HEAD'
  if (!isRead && http.method !== 'POST')
    return pageResponse(
      refusedPage(405, {
        title: 'Not possible',
        text: 'This page is read, or its form is sent.',
        headers: { allow: METHODS },
      }),
    )
  const jar = jarOf(new URL(http.url))
  if (jar === null) return pageResponse(closedPage('no_tls'))
  const keys = secretKeys(env)
  if (keys === null) return pageResponse(closedPage('no_keys'))
  const form = isRead ? null : await readForm(http)
  if (form !== null && !form.ok) return pageResponse(refusedForm(form.status))
  const here = { http, env, keys, jar, base, id, requestId: c.var.requestId }
  if (tenant === null)
    return form === null ? pageResponse(signInPage({ asksTenant: true })) : signInSomewhere(here, form.fields)
  const visit: Visit = { ...here, tenant }
  if (form === null) return show(visit)
  switch (form.fields.get('do')) {
    case 'sign-in':
      return signInByForm(visit, form.fields)
    case 'sign-out':
      return signOut(visit)
    case 'decide':
      return decideOn(visit, form.fields)
    default:
      return pageResponse(refusedForm(400))
  }
}

const refusals: Readonly<Record<Extract<ReadForm, { ok: false }>['status'], string>> = {
  400: 'The request is not the one that the form of this page sends. Nothing was done.',
  403: 'This was not sent by the form of this page, as far as your browser says, so nothing was done. Open the link again.',
  413: 'The request is larger than the form of this page allows. Nothing was done.',
  415: 'The request is not a form. Programs use the administration API.',
}

function refusedForm(status: keyof typeof refusals) {
  return refusedPage(status, { title: 'Not accepted', text: refusals[status] })
}
