/** A server that is the gateway itself, which its address does not show, or leads back to it through another gateway. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent, eras } from '../support/node/mcp-agent.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const vars = { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }

/** Passes everything on, so that whoever registers it does not see where it leads. Counts what comes. */
async function startRelay(target: () => string) {
  let count = 0
  const server = createServer(async (request, response) => {
    count += 1
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const headers = Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === 'string' && !/^(host|connection|content-length|transfer-encoding)$/.test(name)
        ? [[name, value] as [string, string]]
        : [],
    )
    const answer = await fetch(target(), {
      method: request.method ?? 'GET',
      headers,
      ...(pieces.length === 0 ? {} : { body: Buffer.concat(pieces) }),
    }).catch(() => null)
    if (answer === null) return void response.writeHead(502).end()
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    count: () => count,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

describe.skipIf(bareWorkerdMissing !== null)(`loops${missing}`, () => {
  let one: BareGateway
  let two: BareGateway
  const running: { stop(): Promise<void> }[] = []
  beforeAll(async () => {
    one = await startBare(vars)
    running.push(one)
    two = await startBare(vars)
    running.push(two)
  })
  afterAll(async () => void (await Promise.all(running.map((it) => it.stop()))))

  /** A tenant whose one server is at `url`, which is given the token of the grant that is made by `token`. */
  async function tenantAt(gateway: BareGateway, url: string, token: string | null) {
    const admin = adminApi(gateway.url, 'loop')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    await admin.putServer('back', {
      url,
      ...(token === null ? {} : { headers: { authorization: `Bearer ${token}` } }),
    })
    return admin
  }

  test('the gateway’s own address is not registered', async () => {
    await expect(tenantAt(one, `${one.url}/mcp`, null)).rejects.toThrow(/422: .*this gateway itself/)
  })

  test.each(eras)(
    'a server that is the gateway itself is found out in few requests, in the %s era',
    async (era) => {
      const relay = await startRelay(() => `${one.url}/mcp`)
      running.push(relay)
      const admin = await tenantAt(one, relay.url, null)
      const token = await admin.putGrant(`self-${era}`, { policy: 'open', servers: ['session', 'back'] })
      await admin.putServer('back', { url: relay.url, headers: { authorization: `Bearer ${token}` } })
      const agent = await connectAgent(era, `${one.url}/mcp`, { authorization: `Bearer ${token}` })
      const { answer } = await agent.send('tools/list')
      expect(JSON.stringify(answer)).toContain('auth_whoami')
      expect(relay.count()).toBeGreaterThan(0)
      expect(relay.count()).toBeLessThan(12)
      expect(JSON.stringify((await admin.scan('back')).scan)).toContain('leads back to this gateway')
    },
  )

  test('two gateways behind each other are no loop, and each other’s are', async () => {
    const far = adminApi(two.url, 'loop')
    await far.putTenant()
    await far.putPolicy('open', { version: '1', default: 'allow' })
    const farToken = await far.putGrant('bot', { policy: 'open', servers: '*' })
    const near = await tenantAt(one, `${two.url}/mcp`, farToken)
    const token = await near.putGrant('chained', { policy: 'open', servers: ['back'] })
    const agent = await connectAgent('stateless', `${one.url}/mcp`, { authorization: `Bearer ${token}` })
    expect(JSON.stringify((await agent.send('tools/list')).answer)).toContain('back__auth_whoami')
    const relay = await startRelay(() => `${one.url}/mcp`)
    running.push(relay)
    await far.putServer('back', { url: relay.url, headers: { authorization: `Bearer ${token}` } })
    expect(JSON.stringify((await agent.send('tools/list')).answer)).toContain('back__auth_whoami')
    expect(relay.count()).toBeGreaterThan(0)
    expect(relay.count()).toBeLessThan(12)
  })
})
