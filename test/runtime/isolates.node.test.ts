/**
 * A hundred isolates, as Workers in a hundred cities: each has met the grant and remembers its configuration. What an
 * administrator changes through one of them holds for the very next request of every other one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { type MisbehavingServer, startMisbehaving } from '../support/node/misbehaving.ts'
import { resident, residentMissing } from '../support/node/resident.ts'

const ISOLATES = 100
/** So often is each asked before anything changes: the first time it learns, from then on it remembers. */
const ROUNDS = 3
/** Isolates that are asked for the first time together. */
const AT_ONCE = 10
const TENANT = 'acme'
const MOST_BYTES = 4 * 1_073_741_824
const missing = bareWorkerdMissing ?? residentMissing

const isolates = Array.from({ length: ISOLATES }, (_, i) => i)
const allow = { version: '1', default: 'allow' }
const deny = { version: '1', default: 'deny' }

describe.skipIf(missing !== null)(`a hundred isolates ${missing ?? ''}`, () => {
  let gateway: BareGateway
  let server: MisbehavingServer

  beforeAll(async () => {
    server = await startMisbehaving()
    const vars = { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }
    gateway = await startBare(vars, { main: 'test/runtime/isolate/index.ts', isolates: ISOLATES })
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  /** An administrator's request, through one isolate. */
  async function administer(through: number, method: string, path: string, document?: unknown) {
    const response = await fetch(`${gateway.url}/api/v1/tenants/${TENANT}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ROOT_TOKEN}`,
        'x-to-isolate': String(through),
        'content-type': 'application/json',
      },
      ...(document === undefined ? {} : { body: JSON.stringify(document) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>
  }

  /** An agent of the era through each isolate; in the session era each has a session of its own. */
  async function connect(era: Era, token: string): Promise<readonly McpAgent[]> {
    const headers = { authorization: `Bearer ${token}` }
    const agents: McpAgent[] = []
    for (const i of isolates)
      agents.push(await connectAgent(era, `${gateway.url}/mcp`, { ...headers, 'x-to-isolate': String(i) }))
    return agents
  }

  /** What the next request comes to, through every isolate at once; and which isolates those were. */
  async function next(agents: readonly McpAgent[]) {
    const answers = await Promise.all(
      agents.map((agent) => agent.send('tools/call', { name: 'crm__echo', arguments: { text: 'hello' } })),
    )
    const refusals = new Set<string>()
    const outcomes = answers.map(({ status, answer }) => {
      const result = answer?.result as { isError?: boolean } | undefined
      if (result?.isError === true) refusals.add(JSON.stringify(result))
      if (answer?.error !== undefined) return `${status} ${answer.error.message.split(/[:;]/)[0]}`
      return `${status} ${result?.isError === true ? 'refused' : 'made'}`
    })
    return {
      outcomes: [...new Set(outcomes)],
      isolates: new Set(answers.map(({ headers }) => headers.get('x-isolate'))).size,
      refusals: [...refusals],
    }
  }

  /**
   * A first call through every isolate, some at a time: what an isolate makes when it is first needed, and what it learns of its servers,
   * takes longer than a server may take beside others where a hundred isolates do it at once on two cores.
   */
  async function warmUp(agents: readonly McpAgent[]): Promise<void> {
    for (let i = 0; i < agents.length; i += AT_ONCE)
      expect((await next(agents.slice(i, i + AT_ONCE))).outcomes).toEqual(['200 made'])
  }

  async function setUp(era: Era) {
    const api = adminApi(gateway.url, TENANT)
    await api.putTenant()
    await api.putPolicy('main', allow)
    await api.putServer('crm', {
      url: server.url,
      limits: { concurrent: 1_000 },
      // A hundred at once on a busy machine take their time.
      timeouts: { response_seconds: 60, idle_seconds: 60, call_seconds: 120 },
    })
    const grant = `bot-${era}-${crypto.randomUUID().slice(0, 8)}`
    const token = await api.putGrant(grant, { policy: 'main' })
    const agents = await connect(era, token)
    await warmUp(agents)
    for (let i = 1; i < ROUNDS; i++)
      expect(await next(agents)).toEqual({ outcomes: ['200 made'], isolates: ISOLATES, refusals: [] })
    return { grant, token, agents }
  }

  /** None was served by what held before: no call reached the server. */
  async function refusedEverywhere(agents: readonly McpAgent[], outcome: string | RegExp) {
    const before = server.executions()
    const { outcomes } = await next(agents)
    expect(outcomes).toEqual([expect.stringMatching(outcome)])
    expect(server.executions()).toBe(before)
  }

  async function madeEverywhere(agents: readonly McpAgent[]) {
    expect((await next(agents)).outcomes).toEqual(['200 made'])
  }

  describe.each(eras)('in the %s era', (era) => {
    test('are all under a changed policy with the next request, and under the one before it again', async () => {
      const { agents } = await setUp(era)
      await administer(17, 'PUT', '/policies/main', deny)
      await refusedEverywhere(agents, '200 refused')
      await administer(99, 'PUT', '/policies/main', allow)
      await madeEverywhere(agents)
    })

    test('all refuse a suspended tenant, and serve it again once it is resumed', async () => {
      const { agents } = await setUp(era)
      await administer(3, 'POST', '/suspend')
      await refusedEverywhere(agents, '403 ')
      await administer(42, 'POST', '/resume')
      await madeEverywhere(agents)
    })

    test('none lets in a token that was rotated away', async () => {
      const { grant, agents } = await setUp(era)
      const { token } = await administer(50, 'POST', `/grants/${grant}/rotate`, { overlap_seconds: 0 })
      await refusedEverywhere(agents, '401 ')
      const again = await connect(era, String(token))
      await madeEverywhere(again)
    })

    test('none lets in a grant that was revoked, or one of the same name with the token before', async () => {
      const { grant, agents } = await setUp(era)
      await administer(0, 'DELETE', `/grants/${grant}`)
      await refusedEverywhere(agents, '401 ')
      await administer(1, 'PUT', `/grants/${grant}`, { policy: 'main' })
      await refusedEverywhere(agents, '401 ')
    })

    test('none sends a call to a server that was removed', async () => {
      const { agents } = await setUp(era)
      await administer(77, 'DELETE', '/servers/crm')
      await refusedEverywhere(agents, '200 ')
    })
  })

  test('fit in memory', async ({ annotate }) => {
    const { peak } = await resident(gateway.pid())
    await annotate(`${ISOLATES} isolates took ${(peak / 1_048_576).toFixed(0)} MB at most`)
    expect(peak).toBeLessThan(MOST_BYTES)
  })
})
