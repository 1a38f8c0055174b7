/**
 * Clients that open a connection for every command, against a whole gateway that is killed in between: what a person
 * approved is made by the next process, once; what they saw of it is nowhere afterwards.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectRaw } from '../support/node/raw-client.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'
import type { Json } from '../support/node/sdk-client.ts'

const TENANT = 'careful'
const asks = {
  require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }],
  conceal: ['args.card.number', '_meta["acme/secret"]'],
}

describe.skipIf(bareWorkerdMissing !== null)(`the next process ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let bank: ScriptedServer
  let token = ''
  let last = 0

  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    bank = await startScripted('session', ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      const result = { content: [{ type: 'text', text: 'paid' }] }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
      return true
    })
    const admin = adminApi(gateway.url, TENANT)
    await admin.putTenant()
    await admin.putPolicy('careful', { version: '1', default: 'allow', tools: { bank__echo: asks } })
    await admin.putServer('bank', { url: bank.url })
    token = await admin.putGrant('bot', { policy: 'careful' })
  })
  afterAll(async () => {
    // The search of everything that was stored and printed, for every value that these tests have sent.
    await Promise.all([gateway?.stop(), bank?.stop()])
  })

  const api = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const response = await fetch(`${gateway.url}/api/v1/tenants/${TENANT}/${path}`, {
      method,
      headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Json
  }
  const decide = (id: string, decision: 'approve' | 'deny', reason?: string) =>
    api('POST', `approvals/${id}`, { decision, ...(reason === undefined ? {} : { reason }) })
  /** One process of a client: a connection of its own, and one call. */
  const process = async (args: Json, meta: Json = {}, era: 'session' | 'stateless' = 'session') => {
    const client = await connectRaw(era, `${gateway.url}/mcp`, token)
    const given = JSON.stringify({ name: 'bank__echo', arguments: args, _meta: meta })
    const { text } = await client.request('1', 'tools/call', given.slice(1, -1))
    const isPaid = text.includes('"paid"')
    return { text, isPaid, id: /apr_bot_[0-9a-f]{32}/.exec(text)?.[0] ?? '' }
  }
  const made = (args: Json) =>
    bank.received('tools/call').filter(({ body }) => {
      return JSON.stringify((body?.params as Json | undefined)?.arguments) === JSON.stringify(args)
    }).length
  const payment = (): Json => ({
    to: `account-of-somebody-${++last}`,
    amount: '1000000.01',
    card: { number: `4000-1234-5678-90${last}`, kind: 'debit-card' },
  })

  test('what is approved is made by the next process, once, although the gateway died twice', async () => {
    const args = payment()
    const meta = {
      'acme/purpose': 'rent-of-november',
      'acme/secret': 'never-to-be-shown',
      progressToken: 'p',
    }
    const first = await process(args, meta)
    expect(first).toMatchObject({
      isPaid: false,
      text: expect.stringContaining('A later session of this client'),
    })
    await gateway.kill9()
    await gateway.start()
    // Another _meta makes it no other call; what is shown is that of the last time.
    expect((await process(args, { ...meta, progressToken: 'q' })).id).toBe(first.id)
    expect(await api('GET', `approvals/${first.id}`)).toMatchObject({
      server: 'bank',
      tool: 'echo',
      client: { name: 'raw', version: '1' },
      content: {
        arguments: {
          to: args.to,
          amount: '1000000.01',
          card: { number: '(concealed string)', kind: 'debit-card' },
        },
        meta: { 'acme/purpose': 'rent-of-november', 'acme/secret': '(concealed string)', progressToken: 'q' },
        concealed: ['args.card.number', '_meta.acme/secret'],
      },
    })
    await decide(first.id, 'approve')
    // What was acknowledged is true, values and all.
    await gateway.kill9()
    await gateway.start()
    expect(await api('GET', `approvals/${first.id}`)).toMatchObject({ state: 'approved', content: null })
    expect(await process(args)).toMatchObject({ isPaid: true })
    expect(made(args)).toBe(1)
    expect(await process(args)).toMatchObject({ isPaid: false })
    expect(made(args)).toBe(1)
  })

  test('what is denied is denied to the next process, with the reason', async () => {
    const args = payment()
    const { id } = await process(args)
    await decide(id, 'deny', 'Too much.')
    for (const era of ['session', 'stateless'] as const)
      expect((await process(args, {}, era)).text).toContain('Too much.')
    expect(made(args)).toBe(0)
    expect(await api('GET', `approvals/${id}`)).toMatchObject({ state: 'denied', content: null })
  })

  test('many processes at once, of both eras, ask for one, and one makes it', async () => {
    const args = payment()
    const all = () =>
      Promise.all(
        (['session', 'stateless', 'session', 'stateless', 'session'] as const).map((era) =>
          process(args, {}, era),
        ),
      )
    const ids = new Set((await all()).map(({ id }) => id))
    expect(ids.size).toBe(1)
    const [id = ''] = ids
    const { items } = (await api('GET', 'approvals?state=pending&content=true')) as { items: Json[] }
    expect(items.filter((it) => it.id === id)).toMatchObject([{ content: { arguments: { to: args.to } } }])
    await decide(id, 'approve')
    expect((await all()).filter(({ isPaid }) => isPaid)).toHaveLength(1)
    expect(made(args)).toBe(1)
    // The others wait for another one: whoever leaves it so takes it with the grant.
    const left = (await api('GET', 'approvals?state=pending')) as { items: { id: string }[] }
    for (const it of left.items) await decide(it.id, 'deny')
  })

  test('what waits when the grant is revoked is nowhere afterwards', async () => {
    const { id } = await process(payment())
    expect(await api('GET', `approvals/${id}`)).toMatchObject({ content: { arguments: {} } })
    await api('DELETE', 'grants/bot')
    const found = await api('GET', `approvals/${id}`)
    expect(found.content ?? null).toBeNull()
  })
})
