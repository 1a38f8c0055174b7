/** The link that people are sent to is the deployment's, whatever the agent says in `Host`. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { ASKS, told } from '../approvals/support.ts'
import { admin, makeGrant } from '../support/admin.ts'
import { fresh, type Json, request, STATELESS } from '../support/gateway.ts'

beforeEach(fresh)

/** Asks for an approval at a host of the caller's choosing, as a client that opens links. */
async function asked(token: string, origin: string, bindings: Partial<Env>): Promise<string> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': STATELESS,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
  }
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': 'track_logout',
  }
  const params = { name: 'track_logout', arguments: { account_id: 'a' }, _meta }
  const http = new Request(`${origin}/mcp`, {
    ...{ method: 'POST', headers, body: JSON.stringify(request('tools/call', params)) },
  })
  const response = await app.fetch(
    http,
    { ...env, DEMO: 'false', NATIVE_SERVERS: 'legiti', ...bindings } as Env,
    createExecutionContext(),
  )
  expect(response.status).toBe(200)
  return response.text()
}

const listed = async () => {
  const { body } = await admin('GET', 'acme/approvals')
  return (body as { items: Json[] }).items[0]
}

test('with a domain of tenants', async () => {
  const token = await makeGrant('acme', 'bot', ASKS)
  const text = await asked(token, 'https://evil.test', { TENANT_DOMAIN: 'mcp.example.com' })
  await told('acme/bot')
  const { id, url } = (await listed()) ?? {}
  expect(url).toBe(`https://acme.mcp.example.com/approvals/${String(id)}`)
  expect(text).toContain(String(url))
  expect(text).not.toContain('evil')
})

test('with nothing that says where it is found, there is an id and no link', async () => {
  const token = await makeGrant('acme', 'bot', ASKS)
  const text = await asked(token, 'https://evil.test', { TENANT_DOMAIN: 'localhost' })
  await told('acme/bot')
  const { id, url } = (await listed()) ?? {}
  expect(url).toBeNull()
  expect(text).toContain(`It can be approved by its id, ${String(id)} .`)
  expect(text).not.toMatch(/evil|inputRequests|https?:/)
  expect((await admin('POST', `acme/approvals/${String(id)}`, { decision: 'approve' })).status).toBe(200)
})
