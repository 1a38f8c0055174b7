/**
 * Every operation that the API describes, asked for by everybody who may not: nobody, somebody of another tenant,
 * somebody of a lower role. Made from the description, so that a new operation cannot be left out.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../src/admin/api.ts'
import { type Operation, openApi } from '../../src/admin/openapi.ts'
import { includes, type Role, roles } from '../../src/contract/roles.ts'
import { makeGrant, makePerson, ROOT, remains, tenantObject } from '../support/admin.ts'
import { fresh, headersOf, open } from '../support/gateway.ts'

const operations = Object.entries(openApi(api()).paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)
const closed = operations
  .filter(({ operation }) => operation['x-gatehouse-role'] !== 'public')
  .map((one) => [`${one.method} ${one.path}`, one] as const)

interface Tokens {
  readonly viewer: string
  readonly policy_manager: string
  readonly approver: string
  readonly admin: string
  readonly agent: string
  readonly root: string
}
const tokens: Record<string, Tokens> = {}

beforeAll(async () => {
  await fresh()
  for (const tenant of ['acme', 'globex']) {
    tokens[tenant] = {
      agent: await makeGrant(tenant, 'bot'),
      viewer: await makePerson(tenant, 'vera', 'viewer'),
      policy_manager: await makePerson(tenant, 'paul', 'policy_manager'),
      approver: await makePerson(tenant, 'april', 'approver'),
      admin: await makePerson(tenant, 'ana', 'admin'),
      root: ROOT,
    }
  }
})

/** The path with its names: `names` for what is there, and others for what is not. */
function fill(path: string, tenant: string, isThere: boolean): string {
  return path.replaceAll(/{([a-z]+)}/g, (_, name: string) => {
    if (name === 'tenant') return tenant
    if (!isThere) return 'ghost'
    return path.includes('/people/') ? 'ana' : 'bot'
  })
}

interface Said {
  readonly status: number
  readonly headers: string
  readonly body: string
}

let asked = 0

/** Everything of an answer that could tell something. */
async function ask(method: string, path: string, token: string | null, body: unknown): Promise<Said> {
  asked += 1
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    // An address of its own for each: who fails often is let wait, which would only take time here.
    'cf-connecting-ip': `127.18.${asked >> 8}.${asked & 255}`,
  }
  const response = await open(method, path, token, headers, body)
  return {
    status: response.status,
    headers: JSON.stringify(headersOf(response).sort()),
    body: await response.text(),
  }
}

/** A body where one is taken, so that nothing is refused for the want of it. */
const bodyOf = ({ requestBody }: Operation) => (requestBody === undefined ? undefined : {})

const GHOST = `gha_ghost_ana_${'x'.repeat(43)}`

describe.each(closed)('%s', (_, { method, path, operation }) => {
  const body = bodyOf(operation)
  const at = (tenant: string, isThere: boolean, token: string | null) =>
    ask(method, fill(path, tenant, isThere), token, body)

  test('refuses whoever is not of this tenant in the same bytes, whatever there is', async () => {
    const acme = tokens.acme as Tokens
    const globex = tokens.globex as Tokens
    const strangers = path.includes('{tenant}')
      ? [globex.admin, globex.viewer, globex.agent]
      : [globex.viewer, acme.viewer, acme.agent]
    const isAgent = (token: string | null) => token === acme.agent || token === globex.agent
    const tried = [null, 'nonsense', acme.agent, `${acme.admin}x`, GHOST, ...strangers]
    const everywhere = (some: readonly (string | null)[]) =>
      some.flatMap((token) => [
        at('acme', true, token),
        at('acme', false, token),
        // A tenant that is not there.
        at('ghost', true, token),
        at('ghost', false, token),
      ])
    // How an agent's token begins is said; how it begins shows nothing of what there is.
    const answers = await Promise.all(everywhere(tried.filter((token) => !isAgent(token))))
    const agents = await Promise.all(everywhere(tried.filter(isAgent)))
    for (const alike of [answers, agents]) {
      expect(alike[0]?.status).toBe(401)
      expect(new Set(alike.map((one) => JSON.stringify(one))).size).toBe(1)
    }
    expect(agents[0]?.headers).toBe(answers[0]?.headers)
    expect(agents[0]?.body).toContain('This is the token of a grant')
    expect(await remains(tenantObject('ghost'))).toEqual({ tables: [], alarm: null })
  })

  const needed = operation['x-gatehouse-role']
  const others = roles.filter((role) => !includes(role, needed as Role))
  test.each(others)('refuses the role %s, whether the thing is there or not', async (role) => {
    if (!path.includes('{tenant}')) return
    const token = (tokens.acme as Tokens)[role as keyof Tokens]
    const [there, notThere] = [await at('acme', true, token), await at('acme', false, token)]
    expect(there.status).toBe(403)
    expect(there).toEqual(notThere)
  })
})

describe('a tenant that is not there', () => {
  const of = closed.filter(([, { path }]) => path.includes('{tenant}'))
  const makes = of.filter(([, { method }]) => method === 'PUT')
  // An origin is looked up before there is a tenant that has something there.
  const before = of.filter(([, { path }]) => path.endsWith('/origins'))
  const asks = of.filter((one) => !makes.includes(one) && !before.includes(one))

  test.each(asks)('is said to be none to root who asks %s, and is not made', async (_, one) => {
    for (const isThere of [true, false]) {
      const said = await ask(one.method, fill(one.path, 'ghost', isThere), ROOT, bodyOf(one.operation))
      expect(said.status).toBe(404)
      expect(JSON.parse(said.body)).toMatchObject({ detail: 'There is no tenant ghost.' })
    }
    expect(await remains(tenantObject('ghost'))).toEqual({ tables: [], alarm: null })
  })

  test('is in no list afterwards, and what root asks of one that is there is no 404 of the tenant', async () => {
    const { body } = await ask('GET', '/api/v1/tenants', ROOT, undefined)
    expect((JSON.parse(body) as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual([
      'acme',
      'globex',
    ])
    expect(before).toHaveLength(1)
    const ending = asks.filter(([, { method, path }]) => method === 'GET' && !path.endsWith('/tail'))
    for (const [, one] of ending)
      expect((await ask('GET', fill(one.path, 'acme', false), ROOT, undefined)).body).not.toContain(
        'no tenant',
      )
    const origin = '/api/v1/tenants/ghost/origins?origin=https://192.0.2.1'
    expect((await ask('GET', origin, ROOT, undefined)).status).toBe(200)
    const natives = await ask('GET', '/api/v1/tenants/ghost/tools?before_tenant=true', ROOT, undefined)
    expect(JSON.parse(natives.body)).toMatchObject({ servers: [{ native: true }, { native: true }] })
    expect(
      (await ask('GET', '/api/v1/tenants/ghost/tools?before_tenant=false', ROOT, undefined)).status,
    ).toBe(404)
    expect(await remains(tenantObject('ghost'))).toEqual({ tables: [], alarm: null })
  })
})

test('every role is refused something, and there is something that everybody is refused', () => {
  const needed = closed.map(([, { operation }]) => operation['x-gatehouse-role'])
  expect(new Set(needed)).toEqual(new Set(roles))
})

test('a path that there is not is no better known than one that there is', async () => {
  const answers = await Promise.all(
    ['/api/v1/tenants/acme/nothing', '/api/v1/tenants/acme', '/api/v1/nothing', '/api/v1/tenants'].map(
      (path) => ask('GET', path, (tokens.globex as Tokens).admin, undefined),
    ),
  )
  expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
  expect(answers[0]?.status).toBe(401)
})

test('what the matrix asked for has changed nothing', async () => {
  for (const [tenant, { admin: token }] of Object.entries(tokens)) {
    const people = await ask('GET', `/api/v1/tenants/${tenant}/people`, token, undefined)
    const { items } = JSON.parse(people.body) as { items: { name: string; tokens: number }[] }
    expect(items.map(({ name, tokens: n }) => [name, n])).toEqual([
      ['ana', 1],
      ['april', 1],
      ['paul', 1],
      ['vera', 1],
    ])
  }
})
