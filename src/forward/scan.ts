/** Lists a server's tools when no client asks: its eras are found out, and its tools pinned, before an agent is there. */

import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import { SERVER_INFO_META_KEY } from '../base/protocol.ts'
import { envelopeOf, STATELESS_VERSION } from '../base/revisions.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { tenantObject } from '../contract/objects.ts'
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { allTools, isTool } from '../upstream/all-tools.ts'
import { decliningIn } from '../upstream/declining.ts'
import { discover } from '../upstream/discover.ts'
import { declaredOf, erasOf, learnEras, report } from '../upstream/health.ts'
import { send } from '../upstream/http.ts'
import { linkTo, type UpstreamLink } from '../upstream/link.ts'
import { sessionRefused } from '../upstream/opening.ts'
import { problemOf } from '../upstream/problem.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { failedScan } from '../upstream/scan-words.ts'
import { announce, closeSession, gatewayProfile, openSession } from '../upstream/session.ts'
import { learnOtherEra, verdictOf } from '../upstream/session-era.ts'
import { compareWithPins } from './pinning.ts'

export type Scanned =
  | { readonly ok: true; readonly tools: number }
  /** Why there is no list, in words. */
  | { readonly ok: false; readonly problem: string }

/** A server's introduction at the first contact. */
interface Introduction {
  readonly protocolVersion: string
  readonly serverInfo: unknown
}

/** The era, and the session, in which it is listed. */
type Way = { readonly session: SessionNames } | 'stateless'

/**
 * Finds out what a server speaks, lists all of its tools and has them compared with the pins. When it returns, its
 * status says what was found.
 */
export async function scanServer(given: Omit<UpstreamLink, 'credentials'>): Promise<Scanned> {
  const running: Promise<unknown>[] = []
  const waitUntil = (work: Promise<unknown>) => {
    running.push(work)
    given.waitUntil(work)
  }
  const { env, tenant, config, hops } = given
  const link = await linkTo(env, { tenant, config, waitUntil, hops })
  const problem = 'failure' in link ? link : await scan(link)
  await Promise.all(running)
  const scanned: Scanned =
    typeof problem === 'number'
      ? { ok: true, tools: problem }
      : { ok: false, problem: failedScan(config.name, problem) }
  await keep(given, scanned)
  return scanned
}

/** Reports the scan to the server's status, for a later look: a scan goes on behind an answer, too. */
async function keep({ env, tenant, config }: Omit<UpstreamLink, 'credentials'>, scanned: Scanned) {
  const { incarnation, url, name } = config
  const atMs = Date.now()
  const scan = { atMs, url, problem: scanned.ok ? null : scanned.problem }
  try {
    await tenantObject(env, tenant).report(name, { atMs, incarnation, scan })
  } catch (error) {
    log('warn', 'upstream.scan_not_kept', { tenant, server: name, error: errorName(error) })
  }
}

/** The number of tools, or the problem. */
async function scan(link: UpstreamLink): Promise<number | UpstreamProblem> {
  let way: Way | null = null
  let said: Introduction | null = null
  let unclear: UpstreamProblem | null = null
  // The other lists say anew what they leave out: clients ask for them, a scan does not.
  report(link, { atMs: Date.now(), leftOut: null })
  // Whatever was found out last: a server cannot speak neither era.
  const { session: had, stateless: other } = erasOf(link)
  if (had === false && other === false) learnEras(link, { session: null, stateless: null })
  // Also of a server that is known for this era: what it declares may be more than it was.
  if (erasOf(link).stateless !== false) {
    const discovered = await discover(link)
    if (discovered.kind === 'failed') return discovered.problem
    if (discovered.kind === 'unclear') unclear = discovered.problem
    if (discovered.kind === 'discovered') {
      way = 'stateless'
      said = { protocolVersion: STATELESS_VERSION, serverInfo: infoIn(discovered.message) }
    }
  }
  const { session } = erasOf(link)
  // Both eras are found out, for clients of either will come.
  if (session === null || (session && way === null)) {
    const opened = await openSession(link, { ...gatewayProfile }, null)
    if (opened.kind === 'failed' && way === null) return opened.problem
    const verdict = verdictOf(opened)
    if (verdict === 'other_era' || (verdict === 'perhaps_other' && way !== null)) learnOtherEra(link)
    else if (opened.kind === 'refused') unclear ??= sessionRefused(opened.message)
    if (opened.kind === 'opened') {
      const { protocolVersion, message } = opened
      learnEras(link, { session: true })
      said ??= { protocolVersion, serverInfo: message.result?.serverInfo }
      if (way === null) {
        const refused = await announce(link, opened)
        if (refused !== null) {
          link.waitUntil(closeSession(link, opened))
          return refused
        }
        way = { session: opened }
      } else link.waitUntil(closeSession(link, opened))
    }
  }
  if (said !== null) await introduce(link, said)
  if (way === null) return unclear ?? problemOf('not_mcp', 'speaks no revision of MCP that the gateway knows')
  try {
    return await pin(link, way)
  } finally {
    if (way !== 'stateless') link.waitUntil(closeSession(link, way.session))
  }
}

async function pin(link: UpstreamLink, way: Way): Promise<number | UpstreamProblem> {
  let problem = problemOf('not_mcp', 'listed something that is not a list of tools')
  // A server without tools is a server, and is not asked for any.
  const isWithout =
    declaredOf(link, way === 'stateless' ? 'stateless' : 'session')?.includes('tools') === false
  const tools = isWithout
    ? []
    : await allTools(async (cursor) => {
        const answer = await ask(link, way, cursor)
        if ('failure' in answer) problem = answer
        else if (answer.error !== undefined)
          problem = problemOf('not_mcp', `refused to list its tools (${answer.error.code})`)
        return 'failure' in answer ? { jsonrpc: '2.0' } : answer
      })
  if (tools === null) return problem
  try {
    await compareWithPins(link, link.config, tools)
    return tools.filter(isTool).length
  } catch {
    return problemOf('misconfigured', 'listed tools that could not be compared with what is known of them')
  }
}

async function ask(
  link: UpstreamLink,
  way: Way,
  cursor: string | undefined,
): Promise<RpcMessage | UpstreamProblem> {
  const id = crypto.randomUUID()
  const method = 'tools/list'
  const page = cursor === undefined ? {} : { cursor }
  const params = way === 'stateless' ? { ...page, _meta: envelope } : page
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, ...(way === 'stateless' ? { stateless: { method } } : way) }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
  })
  if (!sent.ok) return sent.problem
  const onRequest = way === 'stateless' ? undefined : decliningIn(link, way.session)
  const answer = await readAnswer(sent.response, sent.hold, {
    id,
    mostBytes: link.config.maxResponseBytes,
    onRequest,
  })
  return answer.ok ? answer.message : answer.problem
}

const envelope = envelopeOf(gatewayProfile)

function infoIn({ result }: RpcMessage): unknown {
  return isObject(result?._meta) ? result._meta[SERVER_INFO_META_KEY] : undefined
}

async function introduce({ env, tenant, config }: UpstreamLink, said: Introduction): Promise<void> {
  const { protocolVersion, serverInfo: info } = said
  const isInfo = isObject(info) && typeof info.name === 'string' && typeof info.version === 'string'
  const serverInfo = isInfo ? { name: String(info.name), version: String(info.version) } : undefined
  const { incarnation } = config
  const report = {
    atMs: Date.now(),
    incarnation,
    protocolVersion,
    ...(serverInfo === undefined ? {} : { serverInfo }),
  }
  // That the status does not say it is no reason not to list.
  await tenantObject(env, tenant)
    .report(config.name, report)
    .catch(() => {})
}
