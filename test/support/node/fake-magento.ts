/**
 * Magento 2's REST API as far as logins go, as a real HTTP server would answer it. Which store it is and how it behaves is
 * in the path, `/magento/<world>/<behaviour>/rest/V1/…`, so that tests share one server and no state.
 *
 *   well       knows ana@shop.example (customer 42) and root (administrator), both with the password "right"
 *   down       answers 503 to everything
 *   unrevoked  is well, but answers 500 when a token is to be revoked; "stuck" answers that when released
 *   hang       never answers
 *   html, huge, redirect, number  answers 200 with something that is no token, or another status
 *   other      tells of another customer than the one whose token it was asked with
 *   nobody     tells nothing of its customers
 *   factor     wants a second factor of administrators, in another language
 *
 * GET /magento/<world>/heard lists what came for that world; GET /magento/<world>/release answers what is stuck.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface MagentoHeard {
  readonly method: string
  readonly path: string
  readonly authorization: string | null
  readonly body: unknown
}

const heard = new Map<string, MagentoHeard[]>()
const tokens = new Set<string>()
const stuck = new Map<string, (() => void)[]>()
let last = 0

const customer = { id: 42, email: 'Ana@Shop.example', firstname: 'Ana', addresses: [{ city: 'Recife' }] }

interface Reply {
  readonly status: number
  readonly body: string
  readonly type?: string
  readonly location?: string
}

const json = (status: number, value: unknown): Reply => ({ status, body: JSON.stringify(value) })

/** Answers one request, or never. */
export function answerMagento(request: IncomingMessage, response: ServerResponse, body: string): void {
  const [, , world = '', behaviour = '', ...rest] = (request.url ?? '').split('/')
  const send = ({ status, body, type = 'application/json; charset=utf-8', location }: Reply) => {
    response.writeHead(status, { 'content-type': type, ...(location === undefined ? {} : { location }) })
    response.end(body)
  }
  if (behaviour === 'heard') {
    send(json(200, heard.get(world) ?? []))
    return
  }
  if (behaviour === 'release') {
    for (const answer of stuck.get(world) ?? []) answer()
    send(json(200, true))
    return
  }
  const path = `/${rest.join('/')}`.replace('/rest/V1', '')
  const { authorization = null } = request.headers
  const it: MagentoHeard = {
    method: request.method ?? '',
    path,
    authorization,
    body: body === '' ? null : JSON.parse(body),
  }
  heard.set(world, [...(heard.get(world) ?? []), it])
  if (behaviour === 'hang') return
  if (behaviour === 'stuck' && path === REVOKE) {
    stuck.set(world, [...(stuck.get(world) ?? []), () => send(json(200, true))])
    return
  }
  send(broken(world, behaviour, path) ?? answered(it, world, behaviour))
}

const REVOKE = '/integration/customer/revoke-customer-token'

function broken(world: string, behaviour: string, path: string): Reply | null {
  switch (behaviour) {
    case 'down':
      return json(503, { message: 'Service Temporarily Unavailable' })
    case 'html':
      return { status: 200, body: '<html>maintenance</html>', type: 'text/html' }
    case 'huge':
      return json(200, 'x'.repeat(2 * 1024 * 1024))
    case 'number':
      return json(200, 7)
    case 'redirect':
      return { status: 302, body: '', location: `/magento/${world}/well/rest/V1${path}` }
    case 'unrevoked':
      return path === REVOKE ? json(500, { message: 'no' }) : null
    default:
      return null
  }
}

function answered(
  { method, path, authorization, body }: MagentoHeard,
  world: string,
  behaviour: string,
): Reply {
  const token = authorization?.replace(/^Bearer /, '') ?? ''
  if (path === REVOKE)
    return tokens.delete(token) ? json(200, true) : json(401, { message: 'The consumer is not authorized' })
  if (path === '/customers/me') {
    if (!tokens.has(token) || behaviour === 'nobody') return json(401, { message: 'no' })
    return json(200, behaviour === 'other' ? { ...customer, id: 43, email: 'bea@shop.example' } : customer)
  }
  const kind = /^\/integration\/(customer|admin)\/token$/.exec(path)?.[1]
  if (kind === undefined || method !== 'POST')
    return json(404, { message: 'Request does not match any route.' })
  const { username, password } = body as { username: string; password: string }
  const known = kind === 'customer' ? 'ana@shop.example' : 'root'
  if (username.toLowerCase() !== known || password !== 'right-password-of-a-store') {
    const message = 'The account sign-in was incorrect or your account is disabled temporarily.'
    return json(401, { message })
  }
  if (behaviour === 'factor')
    return json(400, { message: 'Bitte einen zweiten Faktor', parameters: { active_providers: ['google'] } })
  last += 1
  const issued = `store-token-${world}-${last}`
  tokens.add(issued)
  return json(200, issued)
}
