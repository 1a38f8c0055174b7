/** The administration API's upstream servers: what is registered, how they stand, and drift accepted. */

import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { parseExact } from '../base/exact-json.ts'
import { hopsOnward } from '../base/hops.ts'
import { isObject } from '../base/json.ts'
import { lazy } from '../base/lazy.ts'
import { KEPT, readServerDocument, type ServerDocument, serverSchema } from '../contract/server-document.ts'
import type { Catalogue, ServerStatus, ServerView } from '../contract/tenant.ts'
import { removedServerWarnings } from '../contract/warnings.ts'
import { type Scanned, scanServer } from '../forward/scan.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { exposedName, isServerName } from '../names/tools.ts'
import { object } from '../policy/fragments.ts'
import { annotationClass, annotationClasses } from '../upstream/annotation-class.ts'
import { allowsPrivate, checkAddress } from '../upstream/resolve.ts'
import {
  at,
  invalid,
  notFound,
  page,
  propagationOf,
  refusal,
  removal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import type { Who } from './context.ts'
import { ownAddressProblem } from './own-address.ts'
import {
  answer,
  type Call,
  pageOf,
  pageQuery,
  propagationMembers,
  type Route,
  removed,
  route,
  uncheckedBody,
} from './route.ts'
import { may } from './who.ts'

const PATH = '/api/v1/tenants/:tenant/servers'

const shownSchema = lazy(() =>
  serverSchema().extend({
    name: z.string(),
    headers: z.record(z.string(), z.unknown()),
    created_at: z.string(),
    updated_at: z.string(),
  }),
)
const changedSchema = lazy(() =>
  shownSchema().extend({
    scans: z
      .boolean()
      .describe(
        'It is being asked for its tools, which are not known: `last_scan` of its status says how that ended',
      ),
    warnings: z.array(z.string()),
    ...propagationMembers(),
  }),
)
const time = lazy(() => z.string().nullable())
const statusSchema = lazy(() =>
  z.object({
    name: z.string(),
    url: z.string(),
    enabled: z.boolean(),
    eras: z.object({ session: z.boolean().nullable(), stateless: z.boolean().nullable() }),
    protocol_version: z.string().nullable(),
    server_info: z.object({ name: z.string(), version: z.string() }).nullable(),
    last_success_at: time(),
    successes: z.int(),
    failures: z.int(),
    last_failure: z.object({ at: z.string(), kind: z.string(), message: z.string() }).nullable(),
    last_scan: z
      .object({ at: z.string(), ok: z.boolean(), problem: z.string().nullable() })
      .nullable()
      .describe(
        'null: none has ended since the server was registered, moved, or replaced while its tools were not known',
      ),
    breaker: z.enum(['closed', 'open', 'half_open']),
    tools: z.int(),
    catalogue_at: time(),
    drift: z.array(
      z.object({ tool: z.string(), since: z.string(), action: z.string(), diff: z.array(z.unknown()) }),
    ),
    drift_total: z.int(),
    flags: z.array(z.object({ tool: z.string(), kind: z.string(), where: z.string(), found: z.string() })),
    names: z.object({
      renamed: z.record(z.string(), z.string()),
      left_out: z.array(
        z.object({
          name: z.string(),
          reason: z.string(),
          kind: z.enum(['prompts', 'resources', 'resourceTemplates']).optional().describe('Absent: a tool'),
        }),
      ),
    }),
  }),
)
const toolSchema = lazy(() =>
  z.object({
    name: z.string().describe('As the server calls it, and as /mcp/<server> lists it'),
    exposed: z
      .string()
      .nullable()
      .describe('As /mcp lists it; null: it is left out there. Policies name it <server>__<name>'),
    class: z
      .enum(annotationClasses)
      .describe('The class by the tool’s own annotations, which are a claim and no proof'),
    title: z.string().nullable(),
    annotations: z.record(z.string(), z.unknown()),
    drifted: z.boolean().describe('It is something else than what is pinned'),
  }),
)
const usesSchema = lazy(() =>
  z.object({
    grants: z.array(z.string()).readonly().describe('Grants that name it in `servers`'),
    every: z.array(z.string()).readonly().describe('Grants that reach every server, and so this one'),
    policies: z
      .array(
        z.object({
          name: z.string(),
          tools: z.array(z.string()).readonly(),
          reads: z.array(z.string()).readonly().describe('Keys of resources and prompts'),
        }),
      )
      .readonly()
      .describe('Policies in force that name it'),
  }),
)
const acceptedSchema = lazy(() => z.object({ accepted: z.array(z.string()), ...propagationMembers() }))

export const serverRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'All upstream servers, each with its status',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of servers', pageOf(shownSchema().extend({ status: statusSchema() }))) },
    },
    async ({ object, who, query: { after = null, limit } }) => {
      const servers = await object.servers({ after, limit: limit + 1 })
      const { items, next } = page(servers, limit, ({ name }) => name)
      return Response.json({
        items: items
          .map((server) => seenBy(who, server))
          .map((server) => ({ ...serverResource(server), status: standing(server) })),
        next,
      })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name`,
      role: 'viewer',
      summary: 'An upstream server, without the values of its headers',
      answers: { 200: answer('The server', shownSchema()) },
    },
    async ({ object, who, params }) => {
      const server = await object.server(params.name)
      return server === null ? notFound('server') : tagged(serverResource(seenBy(who, server)), server.tag)
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/status`,
      role: 'viewer',
      summary: 'The state of an upstream server',
      answers: { 200: answer('Its status', statusSchema()) },
    },
    async ({ object, who, params }) => {
      const server = await object.server(params.name)
      return server === null ? notFound('server') : Response.json(standing(seenBy(who, server)))
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/uses`,
      role: 'viewer',
      summary: 'Documents that name an upstream server, and change with its removal',
      answers: { 200: answer('Grants and policies', usesSchema()) },
    },
    async ({ object, params }) => {
      const uses = await object.serverUses(params.name)
      return uses === null
        ? notFound('server')
        : Response.json(uses satisfies z.output<ReturnType<typeof usesSchema>>)
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/tools`,
      role: 'viewer',
      summary: 'The tools of an upstream server, as they were last listed; asks the server nothing',
      answers: {
        200: answer(
          'The tools, by name',
          z.object({
            items: z.array(toolSchema()),
            listed_at: time().describe('null: never listed, or too many to keep'),
          }),
        ),
      },
    },
    async ({ object, params }) => {
      const [server, catalogue] = await Promise.all([
        object.server(params.name),
        object.catalogue(params.name),
      ])
      if (server === null) return notFound('server')
      return Response.json({
        items: catalogue === null ? [] : toolsIn(server, catalogue),
        listed_at: catalogue === null ? null : at(server.status.catalogueAtMs),
      })
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Registers an upstream server or replaces it',
      query: object({
        scan: z
          .enum(['true', 'false'])
          .default('true')
          .describe('false: it is not asked for its tools, though they are not known'),
      }),
      body: uncheckedBody(serverSchema()),
      creates: true,
      versioned: true,
      answers: {
        200: answer('The server as it is now', changedSchema()),
        201: answer('The server was registered', changedSchema()),
      },
    },
    async (call) => {
      const { object, env, tenant, query, body, by } = call
      const { name } = call.params
      if (!isServerName(name)) {
        const found = JSON.stringify(name.slice(0, 80))
        const allowed = `a letter and at most 30 of a-z, 0-9 and -, not - at the end, but not ${nativeServerNames.join(', ')}`
        return invalid([`the server's name: found ${found}; allowed: ${allowed}`])
      }
      const checked = readServerDocument(body, allowsPrivate(env))
      if (!checked.ok) return invalid(checked.problems)
      const own = ownAddressProblem(new URL(checked.document.url), env, call.c.req.raw)
      if (own !== null) return invalid([own])
      const address = await checkAddress(new URL(checked.document.url), env)
      if (address.kind === 'unknown') return problem(503, 'Resolver unavailable', address.problem)
      if (address.kind === 'refused') return invalid([address.problem])
      const put = await object.putServer(tenant, name, checked.document, by)
      if (put.kind !== 'done') return refusal(put)
      // Behind the answer, so that tools are pinned as they are now and not as an agent first finds them.
      const isUnknown = put.now.status.catalogueAtMs === null
      const scans = isUnknown && checked.document.enabled && query.scan !== 'false'
      if (scans) call.c.executionCtx.waitUntil(scan(call, name))
      const warnings = [...tenantWarnings(put, tenant), ...warningsOf(checked.document)]
      const now = { ...serverResource(put.now), scans, warnings, ...propagationOf(put) }
      return tagged(now, put.now.tag, put.created ? 201 : 200)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Forgets an upstream server, its pins included',
      description:
        'It is taken from the grants that name it; policies go on naming it. `warnings` says which (before: `/uses`).',
      versioned: true,
      answers: removed(),
    },
    async ({ object, params, by }) => {
      const removed = await object.deleteServer(params.name, by)
      const uses = removed.uses ?? null
      return removal(removed, 'server', uses === null ? [] : removedServerWarnings(uses))
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/scan`,
      role: 'admin',
      summary: 'Asks an upstream server for its tools now',
      answers: {
        200: answer('Its status, and what the scan found', statusSchema().extend({ scan: z.unknown() })),
      },
    },
    async (call) => {
      const { object, params } = call
      const before = await object.server(params.name)
      if (before === null) return notFound('server')
      const scanned = await scan(call, params.name)
      const server = await object.server(params.name)
      if (scanned === null || server === null)
        return problem(
          409,
          'Conflict',
          'The server is not enabled, so it is not asked for its tools. Enable it first.',
        )
      return Response.json({ ...standing(server), scan: scanned })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/accept`,
      role: 'admin',
      summary: 'Takes every tool that has changed as what it is now',
      answers: { 200: answer('The tools that were accepted', acceptedSchema()) },
    },
    async ({ object, params, by }) => {
      const accepted = await object.accept(params.name, null, by)
      return accepted === null ? notFound('server') : Response.json(accepted)
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/tools/:tool/accept`,
      role: 'admin',
      summary: 'Takes one tool that has changed as what it is now',
      answers: { 200: answer('The tool was accepted', acceptedSchema()) },
    },
    async ({ object, params, by }) => {
      const accepted = await object.accept(params.name, params.tool, by)
      if (accepted === null) return notFound('server')
      if (accepted.accepted.length > 0) return Response.json(accepted)
      return problem(404, 'Not found', 'No tool of that name has drifted from its pin.')
    },
  ),
])

/** The tools of a listing. The server's own text is checked before it is shown. */
function toolsIn(
  { name: server, status }: ServerView,
  { toolsJson, driftedJson }: Catalogue,
): z.output<ReturnType<typeof toolSchema>>[] {
  const drifted = JSON.parse(driftedJson) as Record<string, unknown>
  const listed = (parseExact(toolsJson) as unknown[]).filter(isObject)
  return listed
    .flatMap((tool) => {
      const { name, title, annotations } = tool
      if (typeof name !== 'string') return []
      return {
        name,
        exposed: exposedName(server, name, status.renamed),
        class: annotationClass(annotations),
        title: typeof title === 'string' ? title : null,
        annotations: isObject(annotations) ? annotations : {},
        drifted: Object.hasOwn(drifted, name),
      }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Null for a server that is not enabled. */
async function scan(
  { c, env, tenant, object }: Pick<Call, 'c' | 'env' | 'tenant' | 'object'>,
  name: string,
): Promise<Scanned | null> {
  const config = await object.upstream(name)
  if (config === null) return null
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  return scanServer({ env, tenant, config, waitUntil, hops: hopsOnward(c.req.raw) })
}

/** A query may hold a key, which is for those alone who could have written it. */
function seenBy(who: Who, server: ServerView): ServerView {
  const { document } = server
  const at = document.url.indexOf('?')
  if (at < 0 || may(who, 'admin')) return server
  return { ...server, document: { ...document, url: `${document.url.slice(0, at)}?${KEPT}` } }
}

function warningsOf({ url, enabled, headers }: ServerDocument): string[] {
  const warnings: string[] = []
  if (!enabled) warnings.push('The server is not enabled: no grant reaches it.')
  if (url.startsWith('http:') && Object.keys(headers).length > 0)
    warnings.push('The headers are sent to this server unencrypted.')
  if (new URL(url).search !== '')
    warnings.push('The query of the URL is stored as it is; a key belongs into a header, which is sealed.')
  return warnings
}

function serverResource({
  name,
  document,
  headerNames,
  secretHeaders,
  createdAtMs,
  updatedAtMs,
}: ServerView) {
  return {
    name,
    ...document,
    headers: Object.fromEntries(headerNames.map((header) => [header, secretHeaders[header] ?? KEPT])),
    created_at: at(createdAtMs),
    updated_at: at(updatedAtMs),
  }
}

function standing({ name, document, status }: ServerView) {
  return {
    name,
    url: document.url,
    enabled: document.enabled,
    eras: status.eras,
    protocol_version: status.protocolVersion,
    server_info: status.serverInfo,
    last_success_at: at(status.lastSuccessAtMs),
    successes: status.successes,
    failures: status.failures,
    last_failure: lastFailure(status),
    last_scan: lastScan(status),
    breaker: status.breaker,
    tools: status.tools,
    catalogue_at: at(status.catalogueAtMs),
    drift: status.drift.map(({ tool, sinceMs, diffJson }) => ({
      tool,
      since: at(sinceMs),
      action: document.on_drift,
      diff: parseExact(diffJson),
    })),
    drift_total: status.driftTotal,
    flags: status.flags,
    names: { renamed: status.renamed, left_out: status.leftOut },
  }
}

function lastScan({ lastScan }: ServerStatus) {
  if (lastScan === null) return null
  const { atMs, problem } = lastScan
  return { at: at(atMs), ok: problem === null, problem }
}

function lastFailure({ lastFailure }: ServerStatus) {
  if (lastFailure === null) return null
  const { atMs, kind, message } = lastFailure
  return { at: at(atMs), kind, message }
}
