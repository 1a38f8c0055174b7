/** Servers of the stateless era that ask again and again, or in ways of their own, and clients of the session era. */
import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod/v4'
import { type Served, serve } from '../conformance/reference/serve.ts'
import { register } from '../conformance/registration.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import type { SdkClientOptions } from '../support/node/sdk-client.ts'
import { connectSessionEra } from '../support/node/sdk-clients.ts'

let gateway: BareGateway
let server: Served
let token: string
const schema = z.object({})

function serverOf(): McpServer {
  const it = new McpServer({ name: 'rounds', version: '1' }, { capabilities: { tools: {} } })
  const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })
  it.registerTool('later', { inputSchema: schema }, (_, { mcpReq }) => {
    const state: unknown = mcpReq.requestState()
    return state === '2' ? text('now') : inputRequired({ requestState: state === '1' ? '2' : '1' })
  })
  it.registerTool('never', { inputSchema: schema }, () => inputRequired({ requestState: 'again' }))
  it.registerTool('nag', { inputSchema: schema }, () =>
    inputRequired({ inputRequests: { roots: inputRequired.listRoots() } }),
  )
  it.registerTool('page', { inputSchema: schema }, (_, { mcpReq }) => {
    if (mcpReq.inputResponses !== undefined) return text(JSON.stringify(mcpReq.inputResponses))
    const page = inputRequired.elicitUrl({ message: 'Sign in', url: 'https://example.com/' })
    return inputRequired({ inputRequests: { page } })
  })
  return it
}

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`rounds${skipped}`, () => {
  beforeAll(async () => {
    const handler = createMcpHandler(() => serverOf().server, { legacy: 'reject' })
    server = await serve((request) => handler.fetch(request))
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    token = await register(gateway.url, 'rounds', `${server.origin}/mcp`)
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  const connect = (options: SdkClientOptions = {}) =>
    connectSessionEra(`${gateway.url}/mcp/rounds`, { ...options, token })

  test('a server that only wants its state back gets it', async () => {
    const agent = await connect()
    expect((await agent.callTool('later')).text).toBe('now')
    await agent.close()
  })

  test.each(['never', 'nag'])('a server that asks without end is left (%s)', async (tool) => {
    const agent = await connect()
    const before = server.requests.length
    const { isError, text } = await agent.callTool(tool)
    expect(isError).toBe(true)
    expect(text).toContain('still asked for input after 10 rounds')
    const calls = server.requests
      .slice(before)
      .filter(({ body }) => (body as { method?: string } | null)?.method === 'tools/call')
    expect(calls).toHaveLength(11)
    await agent.close()
  })

  test('a client that fails to answer is told so, and so is a client that cannot', async () => {
    const failing = await connect({
      elicit: () => {
        throw new Error('no user')
      },
    })
    const { isError, text } = await failing.callTool('page')
    // The test's client declares forms alone.
    expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining('elicitation.url') })
    await failing.close()
  })
})
