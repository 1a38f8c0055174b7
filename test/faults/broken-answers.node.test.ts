/**
 * A server's answer breaks off, in each way that an answer can. The client hears of it: its own answer breaks off, or
 * ends with an error. It never looks whole, and the audit trail says that it was not.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type AuditDatabase, startAuditDatabase } from '../support/node/audit-database.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type Breakage, breakages } from '../support/node/breaking.ts'
import { endingOf, isFailure } from '../support/node/ending.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { startScripted } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'
import { type Entrance, entrances } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

const BOUND_MS = 20_000
/** Rows gather for ten seconds before they are carried, and wait a minute for an outcome that is lost: a slow machine has time for both. */
const CARRIED_WITHIN_MS = 45_000

/** A client that can be asked is served by an object of its own where the eras differ. */
const ASKABLE = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } }
const JSON_ALONE = { accept: 'application/json' }

/** A client of one era, at one URL, of a server of one era. */
interface Way {
  readonly client: Era
  readonly upstream: Era
  readonly entrance: Entrance
  readonly headers: Readonly<Record<string, string>>
  readonly meta: Readonly<Record<string, unknown>>
}

const ways: readonly Way[] = eras.flatMap((client) =>
  eras.flatMap((upstream) =>
    entrances.flatMap((entrance) => {
      const way = { client, upstream, entrance, headers: {}, meta: {} }
      const askable = client === 'stateless' && upstream === 'session' ? [{ ...way, meta: ASKABLE }] : []
      return [way, { ...way, headers: JSON_ALONE }, ...askable]
    }),
  ),
)

/** As a server is registered. */
const nameOf = (era: Era) => `of-${era}`

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`an answer that breaks off${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let audit: AuditDatabase
  const servers: { stop(): Promise<void> }[] = []
  const agents = new Map<Way, McpAgent>()
  let current: Breakage
  let breaks = 'tools/call'
  /** Answers that came, by whether they were to a call or to another request that is on record, and by what is to be said of them. */
  const answered = { call: { broken: 0, unknown: 0 }, read: { broken: 0, unknown: 0 } }

  beforeAll(async () => {
    audit = await startAuditDatabase()
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }, { auditDb: audit.address })
    admin = adminApi(gateway.url, 'broken')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    for (const era of eras) {
      const server = await startScripted(era, ({ body }, response) => {
        if (body?.id === undefined || body.method !== breaks) return false
        const result = {
          content: [{ type: 'text', text: 'whole' }],
          contents: [{ uri: 'a:b', text: 'whole' }],
          tools: [],
          ...(era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
        }
        void current.send(response, { jsonrpc: '2.0', id: body.id, result })
        return true
      })
      servers.push(server)
      // Every request is to reach the server, whatever the ones before it met with.
      await admin.putServer(nameOf(era), { url: server.url, breaker: { failures: 1_000, open_seconds: 1 } })
    }
    const token = await admin.putGrant('all', { policy: 'open', servers: eras.map(nameOf) })
    for (const way of ways) {
      const url = `${gateway.url}/mcp${way.entrance === 'all' ? '' : `/${nameOf(way.upstream)}`}`
      agents.set(
        way,
        await connectAgent(way.client, url, { authorization: `Bearer ${token}`, ...way.headers }),
      )
    }
  })
  afterEach(async () => {
    for (const [{ client, upstream, entrance }, agent] of agents)
      if (client === upstream && entrance === 'one') await agent.send('prompts/list')
  })
  afterAll(async () => {
    for (const server of servers) await server.stop()
    await gateway?.stop()
    await audit?.stop()
  })

  async function endingOn(way: Way, method: string, params: Readonly<Record<string, unknown>>) {
    const agent = agents.get(way)
    if (agent === undefined) throw new Error('not connected')
    breaks = method
    return within(
      JSON.stringify(way),
      BOUND_MS,
      agent.open(method, { ...params, _meta: way.meta }).then(endingOf),
    )
  }

  /** What is wrong with an ending, in words; null where the client knows that the answer is not whole. */
  function faultOf(
    way: Way,
    breakage: Breakage,
    ending: Awaited<ReturnType<typeof endingOn>>,
  ): string | null {
    const { answers, text } = ending
    if (!answers.every(isFailure)) return `it looks whole: ${text.slice(-200)}`
    if (ending.isBroken || answers.length > 0) return null
    // A client of the session era comes back for the rest of a stream that ended between two events with ids.
    const mayResume = breakage.isResumable && way.client === 'session' && way.upstream === 'session'
    return mayResume && /^id: /m.test(text) ? null : `it ends without a word: ${text.slice(-200)}`
  }

  /** Where the client hears nothing, it may come back for the rest, and nobody knows yet. */
  function count(kind: 'call' | 'read', { isBroken, answers }: Awaited<ReturnType<typeof endingOn>>) {
    answered[kind][isBroken || answers.length > 0 ? 'broken' : 'unknown'] += 1
  }

  test.each(breakages)('$name', async (breakage) => {
    current = breakage
    const calling = ways.map(async (way) => {
      const tool = way.entrance === 'all' ? `${nameOf(way.upstream)}__echo` : 'echo'
      const ending = await endingOn(way, 'tools/call', { name: tool, arguments: {} })
      // Only JSON that was too large to be held breaks off, and only for a client that takes no events.
      if (ending.isBroken && (breakage.isLarge !== true || way.headers !== JSON_ALONE))
        return [way, 'it breaks off without a word']
      count('call', ending)
      return [way, faultOf(way, breakage, ending)]
    })
    const found = await Promise.all(calling)
    expect(found.filter(([, fault]) => fault !== null)).toEqual([])
  })

  test.each(breakages)('$name, in the answer to other requests', async (breakage) => {
    current = breakage
    const found: unknown[] = []
    for (const method of ['resources/read', 'tools/list']) {
      const reading = ways.map(async (way) => {
        // What is wrong with one server's part of a merged list is said in the list.
        if (method === 'tools/list' && way.entrance === 'all') return [way, null]
        const uri = way.entrance === 'all' ? `${nameOf(way.upstream)}+a:b` : 'a:b'
        const params = method === 'tools/list' ? {} : { uri }
        const ending = await endingOn(way, method, params)
        if (method === 'resources/read') count('read', ending)
        return [way, faultOf(way, breakage, ending)]
      })
      found.push(...(await Promise.all(reading)).filter(([, fault]) => fault !== null))
    }
    expect(found).toEqual([])
  })

  test(
    'is on record as broken, every one of them',
    async () => {
      const rows = () =>
        audit.db
          .prepare(
            `SELECT iif(method = 'tools/call', 'call', 'read') AS kind, outcome, count(*) AS n FROM audit
             WHERE kind = 'decision' GROUP BY 1, 2 ORDER BY 1, 2`,
          )
          .all()
          .map((row) => ({ ...row }))
      const expected = (['call', 'read'] as const).flatMap((kind) =>
        (['broken', 'unknown'] as const).map((outcome) => ({ kind, outcome, n: answered[kind][outcome] })),
      )
      const total = (all: readonly Record<string, unknown>[]) =>
        all.reduce((sum, { n }) => sum + Number(n), 0)
      // How a call ended travels with the next one.
      for (const agent of agents.values()) await agent.send('ping')
      await until(
        () => `all are carried, ${JSON.stringify(expected)}; there are ${JSON.stringify(rows())}`,
        () => total(rows()) >= total(expected),
        CARRIED_WITHIN_MS,
      )
      expect(rows()).toEqual(expected)
    },
    CARRIED_WITHIN_MS * PATIENCE + 60_000,
  )
})
