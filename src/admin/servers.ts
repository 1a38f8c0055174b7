/** The administration API's upstream servers: what is registered, how they stand, and drift accepted. */
import { Hono } from 'hono'
import type { Env } from '../env.ts'
import { problem } from '../errors.ts'
import { type Scanned, scanServer } from '../forward/scan.ts'
import { nativeServerNames } from '../native/server-names.ts'
import type { ServerStatus, ServerView } from '../tenant/contract.ts'
import { KEPT, readServerDocument, type ServerDocument } from '../tenant/server-document.ts'
import { isServerName } from '../upstream/names.ts'
import {
  type AdminContext,
  at,
  invalid,
  notFound,
  refusal,
  removal,
  tenantName,
  tenantObject,
} from './answers.ts'
import { readJson } from './document.ts'
import { allowsPrivate, checkAddress } from './resolve.ts'

export const serverRoutes = new Hono<{ Bindings: Env }>()

serverRoutes.get('/', async (c) => {
  const servers = await tenantObject(c).servers()
  return c.json({ servers: servers.map((server) => ({ ...shown(server), status: standing(server) })) })
})

serverRoutes.get('/:name', async (c) => {
  const server = await tenantObject(c).server(c.req.param('name'))
  return server === null ? notFound('server') : c.json(shown(server))
})

serverRoutes.get('/:name/status', async (c) => {
  const server = await tenantObject(c).server(c.req.param('name'))
  return server === null ? notFound('server') : c.json(standing(server))
})

serverRoutes.put('/:name', async (c) => {
  const name = c.req.param('name')
  if (!isServerName(name)) {
    const found = JSON.stringify(name.slice(0, 80))
    const allowed = `a letter and at most 30 of a-z, 0-9 and -, not - at the end, but not ${nativeServerNames.join(', ')}`
    return invalid([`the server's name: found ${found}; allowed: ${allowed}`])
  }
  const read = await readJson(c.req.raw)
  if (!read.ok) return read.response
  const checked = readServerDocument(read.document, allowsPrivate(c.env))
  if (!checked.ok) return invalid(checked.problems)
  const address = await checkAddress(new URL(checked.document.url), c.env)
  if (address.kind === 'unknown') return problem(503, 'Resolver unavailable', address.problem)
  if (address.kind === 'refused') return invalid([address.problem])
  const put = await tenantObject(c).putServer(tenantName(c), name, checked.document)
  if (put.kind !== 'done') return refusal(put)
  // Behind the answer, so that tools are pinned as they are now and not as an agent first finds them.
  if (put.created && checked.document.enabled && c.req.query('scan') !== 'false')
    c.executionCtx.waitUntil(scan(c, name))
  const answer = { ...shown(put.now), warnings: warningsOf(checked.document), pending: put.pending }
  return c.json(answer, put.created ? 201 : 200)
})

serverRoutes.delete('/:name', async (c) =>
  removal(c, await tenantObject(c).deleteServer(c.req.param('name')), 'server'),
)

serverRoutes.post('/:name/scan', async (c) => {
  const name = c.req.param('name')
  const before = await tenantObject(c).server(name)
  if (before === null) return notFound('server')
  const scanned = await scan(c, name)
  const server = await tenantObject(c).server(name)
  if (scanned === null || server === null)
    return problem(409, 'Conflict', 'The server is not enabled, so it is not asked for its tools.')
  return c.json({ ...standing(server), scan: scanned })
})

serverRoutes.post('/:name/accept', async (c) => {
  const accepted = await tenantObject(c).accept(c.req.param('name'), null)
  return accepted === null ? notFound('server') : c.json(accepted)
})

serverRoutes.post('/:name/tools/:tool/accept', async (c) => {
  const accepted = await tenantObject(c).accept(c.req.param('name'), c.req.param('tool'))
  if (accepted === null) return notFound('server')
  if (accepted.accepted.length > 0) return c.json(accepted)
  return problem(404, 'Not found', 'No tool of that name has drifted from its pin.')
})

/** Null for a server that is not enabled. */
async function scan(c: AdminContext, name: string): Promise<Scanned | null> {
  const config = await tenantObject(c).upstream(name)
  if (config === null) return null
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  return scanServer({ env: c.env, tenant: tenantName(c), config, waitUntil })
}

function warningsOf({ url, enabled, headers }: ServerDocument): string[] {
  const warnings: string[] = []
  if (!enabled) warnings.push('The server is not enabled: no grant reaches it.')
  if (url.startsWith('http:') && Object.keys(headers).length > 0)
    warnings.push('The headers are sent to this server unencrypted.')
  return warnings
}

function shown({ name, document, headerNames, createdAtMs, updatedAtMs }: ServerView) {
  return {
    name,
    ...document,
    headers: Object.fromEntries(headerNames.map((header) => [header, KEPT])),
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
    breaker: status.breaker,
    tools: status.tools,
    catalogue_at: at(status.catalogueAtMs),
    drift: status.drift.map(({ tool, sinceMs, diffJson }) => ({
      tool,
      since: at(sinceMs),
      action: document.on_drift,
      diff: JSON.parse(diffJson) as unknown,
    })),
    drift_total: status.driftTotal,
    flags: status.flags,
    names: { renamed: status.renamed, left_out: status.leftOut },
  }
}

function lastFailure({ lastFailure }: ServerStatus) {
  if (lastFailure === null) return null
  const { atMs, kind, message } = lastFailure
  return { at: at(atMs), kind, message }
}
