/** An approved call whose server asks something before it answers: the person approves once, and the call is made once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reference } from '../conformance/reference/reference.ts'
import { startSessionEra } from '../conformance/reference/session-era.ts'
import { startStatelessEra } from '../conformance/reference/stateless-era.ts'
import { type AdminApi, adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import type { Json } from '../support/node/sdk-client.ts'
import { connectStatelessEra } from '../support/node/sdk-clients.ts'

const TENANT = 'careful'
const asks = { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] }

describe.skipIf(bareWorkerdMissing !== null)(`servers that ask ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  const references: Reference[] = []
  let token = ''

  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    admin = adminApi(gateway.url, TENANT)
    references.push(await startStatelessEra(), await startSessionEra())
    await admin.putTenant()
    await admin.putPolicy('careful', { version: '1', default: 'allow', all_tools: asks })
    await admin.putServer('fresh', { url: references[0]?.url ?? '' })
    await admin.putServer('classic', { url: references[1]?.url ?? '' })
    token = await admin.putGrant('bot', { policy: 'careful' })
  })
  afterAll(async () => {
    await Promise.all([gateway?.stop(), ...references.map((it) => it.stop())])
  })

  const api = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const response = await fetch(`${gateway.url}/api/v1/tenants/${TENANT}/${path}`, {
      method,
      headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Json
  }

  test.each([
    ['fresh', 'test_input_required_result_elicitation', {}],
    ['fresh', 'test_input_required_result_multi_round', {}],
    ['classic', 'test_elicitation', { message: 'Who?' }],
  ])('the server %s: %s', async (server, tool, args) => {
    const links: string[] = []
    let forms = 0
    const client = await connectStatelessEra(`${gateway.url}/mcp/${server}`, {
      token,
      links: true,
      elicit: async ({ mode, url }) => {
        if (mode !== 'url') {
          forms += 1
          return {
            action: 'accept',
            content: { name: 'Ana', color: 'green', username: 'ana', email: 'ana@example.com' },
          }
        }
        links.push(String(url))
        await api('POST', `approvals/${String(url).split('/').at(-1)}`, { decision: 'approve' })
        return { action: 'accept' }
      },
    })
    const answer = await client.callTool(tool, args)
    expect(answer).toMatchObject({ isError: false })
    expect(forms).toBeGreaterThanOrEqual(1)
    expect(links).toHaveLength(1)
    const { items } = (await api('GET', 'approvals?limit=100')) as unknown as { items: Json[] }
    const mine = items.filter((it) => it.tool === tool)
    expect(mine).toMatchObject([{ state: 'used' }])
    // What was approved once is not made twice.
    links.length = 0
    await client.callTool(tool, args)
    expect(links).toHaveLength(1)
    await client.end()
  })
})
