/** A tenant's own host name is of that tenant alone, for agents and for administrators. */
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { makeGrant, makePerson, OWN_ROOT, remains, tenantObject } from '../support/admin.ts'
import { fresh, request } from '../support/gateway.ts'

beforeEach(fresh)

const settings = {
  TENANT_DOMAIN: 'mcp.example.com',
  CUSTOM_HOSTNAMES: 'tools.acme.test=acme',
  ROOT_TOKEN: OWN_ROOT,
}

async function ask(url: string, token: string, body?: unknown, bindings: Partial<Env> = {}) {
  const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
  const http = new Request(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const response = await app.fetch(http, { ...env, ...settings, ...bindings } as Env, context)
  return { status: response.status, text: await response.text() }
}

/** 401 is what nobody gets in with; a `ping` without a session is 400. */
const opens = async (url: string, token: string) => (await ask(url, token, request('ping'))).status === 400

test('an agent’s token is good at its tenant’s names, and at those of no tenant', async () => {
  const acme = await makeGrant('acme', 'bot')
  const globex = await makeGrant('globex', 'bot')
  for (const [url, forAcme, forGlobex] of [
    ['https://acme.mcp.example.com/mcp', true, false],
    ['https://globex.mcp.example.com/mcp', false, true],
    ['https://tools.acme.test/mcp', true, false],
    ['https://mcp.example.com/mcp', true, true],
    ['https://mcp.example.com/t/acme/mcp', true, false],
    ['https://acme.mcp.example.com/t/acme/mcp', true, false],
    ['https://acme.mcp.example.com/t/globex/mcp', false, false],
    ['https://a.b.mcp.example.com/mcp', false, false],
    ['https://nobody.mcp.example.com/mcp', false, false],
  ] as const)
    expect([url, await opens(url, acme), await opens(url, globex)]).toEqual([url, forAcme, forGlobex])
})

test('a name of nobody costs no call, and gets the bytes of a wrong token', async () => {
  const untouchable = { getByName: () => expect.unreachable('asked') }
  const acme = await makeGrant('acme', 'bot')
  const cut = { PRINCIPAL: untouchable, TENANT: untouchable } as unknown as Partial<Env>
  const nobody = await ask('https://nobody.mcp.example.com/mcp', acme, request('ping'), cut)
  const wrong = await ask('https://acme.mcp.example.com/mcp', `${acme}x`, request('ping'))
  expect(nobody).toEqual(wrong)
  expect((await remains(tenantObject('nobody'))).tables).toEqual([])
})

test('so is the administration', async () => {
  const person = await makePerson('acme', 'ana', 'admin')
  const at = async (host: string, token: string, tenant = 'acme') =>
    (await ask(`https://${host}/api/v1/tenants/${tenant}`, token)).status
  expect(await at('acme.mcp.example.com', person)).toBe(200)
  expect(await at('tools.acme.test', person)).toBe(200)
  expect(await at('globex.mcp.example.com', person)).toBe(401)
  expect(await at('globex.mcp.example.com', OWN_ROOT)).toBe(401)
  expect(await at('acme.mcp.example.com', OWN_ROOT)).toBe(200)
  expect(await at('mcp.example.com', OWN_ROOT)).toBe(200)
})
