/** A server behind Cloudflare Access: a service token of its own lets the gateway in, and goes nowhere else. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, eras } from '../support/node/mcp-agent.ts'
import { startUpstreamWorld, type Unwell, type UpstreamWorld } from '../support/node/upstream-world.ts'

const ID = 'b3c1f0a8d2.access'
const SECRET = 'service-token-4711-secret'
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

/** Stands in front of a server as Access does: it lets requests with the service token through, and sends others to a login page. */
async function startAccess(to: string) {
  const asked: IncomingMessage[] = []
  const answer = (incoming: IncomingMessage, response: ServerResponse) => {
    asked.push(incoming)
    const { 'cf-access-client-id': id, 'cf-access-client-secret': secret } = incoming.headers
    if (id !== ID || secret !== SECRET) {
      response.writeHead(302, { location: `${url}/cdn-cgi/access/login` }).end()
      return
    }
    const { method = 'GET', headers } = incoming
    const onward = request(to, { method, headers }, (back) => {
      response.writeHead(back.statusCode ?? 502, back.headers)
      back.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}`
  const stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url, asked, stop }
}

describe.skipIf(bareWorkerdMissing !== null)(`a server behind Access${missing}`, () => {
  let world: UpstreamWorld
  let behind: Unwell
  let access: Awaited<ReturnType<typeof startAccess>>
  const register = (headers = {}) =>
    world.admin.putServer(behind.name, { url: `${access.url}/mcp`, era: 'auto', headers })
  beforeAll(async () => {
    world = await startUpstreamWorld()
    behind = await world.add('behind')
    access = await startAccess(behind.server.url)
    await world.admin.putSecret('access-id', ID, [access.url])
    await world.admin.putSecret('access-secret', SECRET, [access.url])
  })
  afterAll(async () => {
    await access?.stop()
    await world?.stop()
  })

  test('is not reached without the service token, and the login page is not asked', async () => {
    await register()
    const { scan } = await world.admin.scan(behind.name)
    expect(scan).toMatchObject({
      ok: false,
      problem: expect.stringContaining('redirected the request (HTTP 302)'),
    })
    expect(behind.server.requests).toEqual([])
    expect(access.asked.map(({ url }) => url)).not.toContain('/cdn-cgi/access/login')
  })

  test.each(eras)(
    'is reached with it by an agent of the %s era, whose own such headers stay here',
    async (era) => {
      await register({
        'CF-Access-Client-Id': { secret: 'access-id' },
        'CF-Access-Client-Secret': { secret: 'access-secret' },
      })
      expect(await world.admin.scan(behind.name)).toMatchObject({ scan: { ok: true, tools: 1 } })
      const agent = await connectAgent(era, `${world.gateway.url}/mcp/${behind.name}`, {
        authorization: `Bearer ${behind.token}`,
        'cf-access-client-id': 'the-agents-own-id',
        'cf-access-client-secret': 'the-agents-own-secret',
        'cf-access-jwt-assertion': 'the-agents-own-assertion',
      })
      expect(await agent.call('echo', { text: era })).toMatchObject({ isError: false, text: era })
      const { headers } = behind.server.received('tools/call').at(-1) ?? {}
      expect(headers).toMatchObject({ 'cf-access-client-id': ID, 'cf-access-client-secret': SECRET })
      expect(JSON.stringify(access.asked.map((it) => it.headers))).not.toContain('the-agents-own')
    },
  )

  test('shows the token to nobody, and keeps it where it is for', async () => {
    expect(JSON.stringify(await world.admin.getServer(behind.name))).not.toContain(SECRET)
    expect(world.gateway.output()).not.toContain(SECRET)
    const headers = {
      'cf-access-client-id': { secret: 'access-id' },
      'cf-access-client-secret': { secret: 'access-secret' },
    }
    await expect(world.admin.putServer(behind.name, { url: behind.server.url, headers })).rejects.toThrow(
      `found the secret access-secret, which is for ${access.url}`,
    )
  })
})
