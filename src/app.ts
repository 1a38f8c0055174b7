/** The Worker's front door: which path belongs to whom. */
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { accessProblem } from './admin/access.ts'
import { API_PATHS, administration } from './admin/door.ts'
import { mountPages } from './admin/page/routes.ts'
import { rootTokenProblem } from './admin/root-token.ts'
import { authenticate } from './admin/who.ts'
import { StoreError } from './audit/store.ts'
import { problem } from './base/errors.ts'
import { isLoop } from './base/hops.ts'
import { isDemo, isLocalDemo, localSwitchesProblem, switchProblem } from './base/local-switches.ts'
import { log } from './base/log.ts'
import { identity } from './base/version.ts'
import type { Env, WorkerContext } from './contract/env.ts'
import { checkDemoAgainst, demoProblem } from './demo/demo.ts'
import { nativeServersProblem } from './deployment/native-servers.ts'
import { devRoutes } from './dev/routes.ts'
import { backchannelLogout } from './issuer-logout/backchannel.ts'
import { legitiProblem } from './legiti/settings.ts'
import { type Endpoint, endpointOf } from './mcp/endpoint-of.ts'
import { handle, type Received } from './mcp/handle.ts'
import { isName } from './names/tokens.ts'
import { toolsListed } from './policy/known-tools.ts'
import { hostedSchema, ruleSchema, shortSchema } from './policy/schema.ts'
import { readiness } from './readiness/ready.ts'
import { bodyLimitProblem } from './request/body.ts'
import { logDecisionsProblem } from './request/decided.ts'
import { allowedOriginsProblem, guard, isAllowedOrigin } from './request/guard.ts'
import { hostSettingsProblem, tenantOfHost } from './request/hosts.ts'
import { tokenAdvice } from './request/identity.ts'
import { publicUrlProblem } from './request/public-base.ts'
import { secretKeysProblem } from './secrets/seal.ts'
import { nativeSchemas } from './servers/catalogue.ts'
import { addressSettingsProblem } from './upstream/resolve.ts'

const REQUEST_ID_HEADER = 'x-request-id'

checkDemoAgainst(() => toolsListed(nativeSchemas()))

/** Finds what serves a request. `app` is in front of it. */
export const router = new Hono<WorkerContext>()

/**
 * Names every answer, so that a person can ask about it: of an MCP request the audit trail's row has the same id. A
 * client cannot choose it, for rows and refunds are found by it. A request that has come back goes no further, whatever it
 * asks for: a server is the gateway itself, or leads back to it.
 */
router.use(async (c, next) => {
  const requestId = crypto.randomUUID()
  c.set('requestId', requestId)
  if (isLoop(c.req.raw)) c.res = loopDetected()
  else await next()
  c.res.headers.set(REQUEST_ID_HEADER, requestId)
})

function loopDetected(): Response {
  return problem(508, 'Loop detected', LOOP)
}

const LOOP =
  'This request has come back to the gateway that sent it, or has passed through too many: a server of the tenant is this gateway, or leads to it.'

router.get('/healthz', async (c) => {
  const wrong = await misconfiguration(c.env, c.req.raw)
  if (wrong !== null) return problem(503, 'Misconfigured', wrong)
  return c.json({ status: 'ok', version: identity.version })
})

/** Like `/healthz`, and whether what the deployment needs is there now. */
router.get('/readyz', async (c) => {
  const wrong = await misconfiguration(c.env, c.req.raw)
  if (wrong !== null) return problem(503, 'Misconfigured', wrong)
  const isOwner = c.req.header('authorization') !== undefined && (await authenticate(c))?.kind === 'root'
  const { ready, ...checks } = await readiness(c.env, isOwner, Date.now())
  const status = ready ? 'ready' : 'not ready'
  return c.json({ status, version: identity.version, ...checks }, ready ? 200 : 503, {
    'cache-control': 'no-store',
  })
})

router.get('/', (c) =>
  c.text(
    `${identity.title} ${identity.version}: an MCP gateway. Point an MCP client at /mcp, with a token.\n`,
  ),
)

const schemas: Readonly<Record<string, () => object>> = {
  'policy-hosted.json': hostedSchema,
  'policy-rule.json': ruleSchema,
  'policy-short.json': shortSchema,
}

/** JSON Schemas of the policy dialects, for editors: public, and the same for everyone. */
router.get('/schemas/:name', (c) => {
  const name = c.req.param('name')
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
  if (schema === undefined) return notFound()
  return c.json(schema(), 200, {
    'content-type': 'application/schema+json',
    'cache-control': 'public, max-age=3600',
    'access-control-allow-origin': '*',
  })
})

const browserClients = cors({
  origin: (origin, c) => (isAllowedOrigin(origin, c.req.raw, c.env as Env) ? origin : null),
  allowMethods: ['GET', 'POST', 'DELETE'],
  // Which headers is not listed: a tool may ask for arguments in headers of any name (`Mcp-Param-…`).
  exposeHeaders: [
    'mcp-session-id',
    'www-authenticate',
    'retry-after',
    'ratelimit',
    'ratelimit-policy',
    REQUEST_ID_HEADER,
  ],
  maxAge: 86_400,
})

/**
 * Clients that get a 401 try to register here, and show people the `error_description` of the answer word for word
 * (RFC 7591, 3.2.2): it says what to do.
 */
router.post('/register', (c) =>
  c.json(
    { error: 'invalid_request', error_description: tokenAdvice('This gateway registers no clients') },
    404,
  ),
)

for (const prefix of ['/mcp', '/t/:tenant/mcp']) {
  // With a slash at the end, as some clients write an address, it is the same address.
  for (const path of [prefix, `${prefix}/`, `${prefix}/:server`, `${prefix}/:server/`]) {
    const isNamed = path.includes(':')
    router.use(path, (c, next) => (c.req.header('origin') === undefined ? next() : browserClients(c, next)))
    router.all(path, async (c) => {
      // To ask for parameters costs time, also where there are none.
      const { tenant, server } = (isNamed ? c.req.param() : {}) as { tenant?: string; server?: string }
      if (server !== undefined && !isName(server)) return notFound()
      const endpoint: Endpoint = { tenant: tenant ?? null, server: server ?? null }
      return handle(
        {
          http: c.req.raw,
          env: c.env,
          execution: c.executionCtx as ExecutionContext,
          requestId: c.get('requestId'),
        },
        endpoint,
      )
    })
  }
}

for (const path of ['/oidc/backchannel-logout', '/t/:tenant/oidc/backchannel-logout']) {
  router.all(path, (c) => {
    const { tenant } = c.req.param() as { tenant?: string }
    const host = tenantOfHost(c.env, new URL(c.req.url).hostname)
    const own = host.kind === 'tenant' ? host.tenant : null
    // What another tenant's host says of this one is nobody's.
    const isOther = host.kind === 'none' || (own !== null && tenant !== undefined && tenant !== own)
    return backchannelLogout(c.req.raw, c.env, isOther ? null : (tenant ?? own))
  })
}

router.all(API_PATHS, administration)

mountPages(router, notFound)

router.use('/dev/*', async (c, next) => {
  if (!isLocalDemo(c.env, c.req.raw)) return notFound()
  const refusal = guard(c.req.raw, c.env)
  return refusal === null ? next() : problem(refusal.status, 'Refused', refusal.message)
})
router.route('/dev', devRoutes)

router.notFound(notFound)

router.onError((error, c) => failed(error, c.get('requestId')))

/** The Worker: the router, and in front of it a short way for most MCP requests. */
export const app = {
  fetch(http: Request, env: Env, execution: ExecutionContext): Response | Promise<Response> {
    const endpoint = endpointOf(http)
    return endpoint === null
      ? router.fetch(http, env, execution)
      : answerMcp({ http, env, execution, requestId: crypto.randomUUID() }, endpoint)
  },
}

/** Answers as the router would, by the same steps. */
async function answerMcp(received: Received, endpoint: Endpoint): Promise<Response> {
  const { http, requestId } = received
  let response: Response
  try {
    response = isLoop(http) ? loopDetected() : await handle(received, endpoint)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    response = failed(error, requestId)
  }
  response.headers.set(REQUEST_ID_HEADER, requestId)
  return response
}

function failed(error: Error, request: string): Response {
  if (error instanceof StoreError) return auditUnavailable(error)
  // Never the message: it may quote what a client sent.
  log('error', 'request.failed', { request, error: error.name })
  return problem(503, 'Unavailable', 'The request could not be completed.', {
    headers: { 'retry-after': '1' },
  })
}

/** What is wrong with the deployment's settings, or null. */
async function misconfiguration(env: Env, http: Request): Promise<string | null> {
  return (
    localSwitchesProblem(env, http) ??
    switchProblem(env) ??
    allowedOriginsProblem(env) ??
    nativeServersProblem(env) ??
    legitiProblem(env) ??
    bodyLimitProblem(env) ??
    logDecisionsProblem(env) ??
    secretKeysProblem(env) ??
    addressSettingsProblem(env) ??
    publicUrlProblem(env) ??
    hostSettingsProblem(env) ??
    accessProblem(env) ??
    rootTokenProblem(env) ??
    (isDemo(env) ? await demoProblem() : null)
  )
}

function auditUnavailable({ code }: StoreError): Response {
  log('error', 'audit.unavailable', { reason: code })
  const detail =
    code === 'no_table' || code === 'no_column'
      ? 'Its tables are missing or out of date: npx wrangler d1 migrations apply AUDIT_DB, with --local or --remote (docs/audit.md).'
      : 'It did not answer as it should; try again.'
  return problem(503, 'The audit database is not available', detail, { headers: { 'retry-after': '5' } })
}

function notFound(): Response {
  return problem(404, 'Not found', 'There is nothing here.')
}
