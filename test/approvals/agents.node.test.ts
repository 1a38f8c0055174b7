/** Real clients of both eras whose calls a person must approve, of native and of upstream tools; and kill -9 in between. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type MisbehavingServer, startMisbehaving } from '../support/node/misbehaving.ts'
import type { Json, SdkClient, SdkClientOptions } from '../support/node/sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'

const TENANT = 'careful'
const policy = {
  version: '1',
  default: 'allow',
  tools: {
    track_logout: { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] },
    crm__echo: { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] },
  },
}

const eras = [
  ['session', connectSessionEra],
  ['stateless', connectStatelessEra],
] as const

/** Where an agent calls, and what a call of that tool takes. */
const tools = [
  ['a native tool', '/mcp', 'track_logout', (text: string) => ({ account_id: text })],
  ['an upstream tool among all', '/mcp', 'crm__echo', (text: string) => ({ text })],
  ['an upstream tool alone', '/mcp/crm', 'echo', (text: string) => ({ text })],
] as const

describe.skipIf(bareWorkerdMissing !== null)(`approvals ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let crm: MisbehavingServer
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let token = ''
  let last = 0

  beforeAll(async () => {
    ;[gateway, crm, receiver] = await Promise.all([
      startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }),
      startMisbehaving(),
      startReceiver(),
    ])
    const admin = adminApi(gateway.url, TENANT)
    await admin.putTenant()
    await admin.putPolicy('careful', policy)
    await admin.putServer('crm', { url: crm.url })
    token = await admin.putGrant('bot', { policy: 'careful' })
    await api('PUT', 'webhooks/ops', { url: receiver.url })
  })
  afterAll(async () => {
    await Promise.all([gateway?.stop(), crm?.stop(), receiver?.stop()])
  })

  /** The administration API of the tenant. */
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
  const idOf = (url: unknown) => String(url).split('/').at(-1) ?? ''
  /** A text of this call alone. */
  const fresh = () => `text-${++last}`

  describe.each(eras)('in the %s era', (era, connect) => {
    const agent = (path: string, options: SdkClientOptions = {}) =>
      connect(`${gateway.url}${path}`, { token, ...options })

    describe.each(tools)('%s', (_, path, tool, argsOf) => {
      const executions = (text: string) => (tool === 'track_logout' ? null : crm.executions(text))
      const errorOf = (answer: Awaited<ReturnType<SdkClient['callTool']>>) =>
        /apr_[a-z0-9-]+_[0-9a-f]{32}/.exec(answer.text)?.[0] ?? ''

      test('is refused with a link where the client opens none, and made once when approved', async () => {
        const client = await agent(path)
        const text = fresh()
        const held = await client.callTool(tool, argsOf(text))
        expect([held.isError, held.text]).toEqual([true, expect.stringContaining('/approvals/apr_bot_')])
        await decide(errorOf(held), 'approve')
        expect(await client.callTool(tool, argsOf(text))).toMatchObject({ isError: false })
        expect((await client.callTool(tool, argsOf(text))).isError).toBe(true)
        expect([null, 1]).toContain(executions(text))
        await client.end()
      })

      test('is denied with the reason', async () => {
        const client = await agent(path)
        const args = argsOf(fresh())
        await decide(errorOf(await client.callTool(tool, args)), 'deny', 'Not on Fridays.')
        const denied = await client.callTool(tool, args)
        expect([denied.isError, denied.text]).toEqual([true, expect.stringContaining('Not on Fridays.')])
        await client.end()
      })

      if (era === 'stateless') {
        test('is made behind one call of the client, however long the person takes', async () => {
          const text = fresh()
          const asked: string[] = []
          const client = await agent(path, {
            links: true,
            elicit: ({ mode, url }) => {
              asked.push(`${String(mode)} ${String(url)}`)
              // The person is at the link; the client goes on at once.
              setTimeout(() => void decide(idOf(url), 'approve'), 300)
              return { action: 'accept' }
            },
          })
          expect(await client.callTool(tool, argsOf(text))).toMatchObject({ isError: false })
          expect(asked).toEqual([expect.stringMatching(/^url http:.*\/approvals\/apr_bot_/)])
          expect([null, 1]).toContain(executions(text))
          await client.end()
        })

        test('is not made for a person who declines the link', async () => {
          const text = fresh()
          const client = await agent(path, { links: true, elicit: () => ({ action: 'decline' }) })
          expect(await client.callTool(tool, argsOf(text))).toMatchObject({ isError: true })
          expect([null, 0]).toContain(executions(text))
          await client.end()
        })
      } else {
        test('is answered with the error that sends a client to a link', async () => {
          const text = fresh()
          const client = await agent(path, { links: true })
          const error: { code?: number; data?: { elicitations: { url: string }[] } } = await client
            .callTool(tool, argsOf(text))
            .then(() => ({}))
            .catch((it: unknown) => it as object)
          expect(error.code).toBe(-32_042)
          await decide(idOf(error.data?.elicitations[0]?.url), 'approve')
          expect(await client.callTool(tool, argsOf(text))).toMatchObject({ isError: false })
          expect([null, 1]).toContain(executions(text))
          await client.end()
        })
      }
    })

    test('a call that never reached its server may be made again', async () => {
      const client = await agent('/mcp/crm')
      const args = { text: fresh() }
      const held = await client.callTool('echo', args)
      const id = /apr_bot_[0-9a-f]{32}/.exec(held.text)?.[0] ?? ''
      await decide(id, 'approve')
      crm.behave({ 'tools/call': { kind: 'unauthorized' } })
      expect((await client.callTool('echo', args)).isError).toBe(true)
      crm.behave({})
      await until('given back', async () => (await api('GET', `approvals/${id}`)).state === 'approved', 5_000)
      expect(await client.callTool('echo', args)).toMatchObject({ isError: false })
      expect(crm.executions(args.text)).toBe(1)
      await client.end()
    })
  })

  test('kill -9 at every step: what was answered holds, and the call is made once', async () => {
    const restart = async () => {
      await gateway.kill9()
      await gateway.start()
    }
    const connect = () => connectStatelessEra(`${gateway.url}/mcp/crm`, { token })
    const args = { text: fresh() }
    const ask = async () => {
      const client = await connect()
      const answer = await client.callTool('echo', args)
      await client.close()
      return answer
    }
    const id = /apr_bot_[0-9a-f]{32}/.exec((await ask()).text)?.[0] ?? ''
    await restart()
    expect((await ask()).text).toContain(id)
    expect(await decide(id, 'approve')).toMatchObject({ state: 'approved' })
    await restart()
    expect(await api('GET', `approvals/${id}`)).toMatchObject({ state: 'approved' })
    // Killed while the call is on its way: it may have been made, and is not made again.
    const lost = ask().catch(() => null)
    await until('on its way', () => crm.executions(args.text) === 1, 10_000)
    await restart()
    await lost
    const again = await ask()
    expect([again.isError, again.text.includes(id)]).toEqual([true, false])
    expect(crm.executions(args.text)).toBe(1)
    const told = (type: string) =>
      receiver.messages.filter((it) => it.type === type && it.data.approval === id)
    await until(
      'announced',
      () => told('approval.pending').length > 0 && told('approval.decided').length > 0,
      20_000,
    )
    expect(new Set(told('approval.decided').map(({ id: messageId }) => messageId)).size).toBe(1)
    const { items } = (await api('GET', 'approvals?limit=100')) as unknown as {
      items: { id: string; state: string }[]
    }
    expect(items.find((it) => it.id === id)?.state).toBe('used')
  })
})

interface Message {
  readonly id: string
  readonly type: string
  readonly data: Json
}

/** A receiver of webhooks that keeps what it gets. */
async function startReceiver() {
  const messages: Message[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      messages.push({ ...(JSON.parse(body) as Message), id: String(request.headers['webhook-id']) })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook`,
    messages,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
