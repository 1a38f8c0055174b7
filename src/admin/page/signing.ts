/** Signing in with a token that is pasted, and out. */
import { isName } from '../../names/tokens.ts'
import { byToken, tenantOfToken } from '../who.ts'
import { setCookie } from './cookie.ts'
import { pageResponse, seeOther } from './document.ts'
import { baseOf, pathTo } from './place.ts'
import { present } from './showing.ts'
import { begin } from './sign-in.ts'
import { signInPage } from './sign-in-page.ts'
import type { Visit } from './visit.ts'

type Fields = ReadonlyMap<string, string>

/** Signs in, and goes back to the page; or shows it at once where somebody had typed something already. */
export async function signInByForm(visit: Visit, fields: Fields): Promise<Response> {
  const token = tokenIn(fields)
  const reason = fields.get('reason') ?? ''
  const known = token === '' ? null : await byToken(visit, token)
  if (known === null)
    return pageResponse(signInPage({ asksTenant: false, notice: 'wrong', reason, status: 401 }))
  const { signIn, cookie } = await begin(visit, known.who, known.credential, Date.now())
  const headers = { 'set-cookie': setCookie(visit.jar, visit.base, cookie) }
  return reason === ''
    ? seeOther(pathTo(visit.base, visit.id), headers)
    : present(visit, signIn, { reason, headers })
}

/** The same at an address that names no tenant: the token does, or whoever pastes it. Goes on to that tenant's page. */
export async function signInSomewhere(here: Omit<Visit, 'tenant'>, fields: Fields): Promise<Response> {
  const token = tokenIn(fields)
  const said = (fields.get('tenant') ?? '').trim().toLowerCase()
  const tenant = said === '' ? tenantOfToken(token) : isName(said) ? said : null
  const again = (notice: 'wrong' | 'which_tenant', status: number) =>
    pageResponse(signInPage({ asksTenant: true, notice, status }))
  // Somebody may be signed in there already, by Access or with a cookie.
  if (tenant !== null && token === '') return seeOther(pathTo(baseOf(tenant), here.id))
  const known = await byToken({ ...here, tenant }, token)
  if (known === null) return again('wrong', 401)
  if (tenant === null) return again('which_tenant', 422)
  const { cookie } = await begin({ ...here, tenant }, known.who, known.credential, Date.now())
  const base = baseOf(tenant)
  return seeOther(pathTo(base, here.id), { 'set-cookie': setCookie(here.jar, base, cookie) })
}

export function signOut({ jar, base, id }: Visit): Response {
  return seeOther(pathTo(base, id), { 'set-cookie': setCookie(jar, base, null) })
}

/** As it was copied, perhaps with what stood around it. */
function tokenIn(fields: Fields): string {
  return (fields.get('token') ?? '').trim()
}
