/** Who holds which token: the owner of the deployment without a tenant, and an agent by mistake. */
import { describe, expect, test } from 'vitest'
import type { HttpRequest } from '../../src/cli/kit/outcome.ts'
import { gatehouse } from '../support/node/cli.ts'

const GRANT = 'gh_acme_bot_0123456789abcdef'
const ROOT = { kind: 'root', name: null, role: 'root', email: null, tenant: null, version: '1.2.3' }

async function run(line: string, variables: Record<string, string>, status = 200, body: object = ROOT) {
  const asked: string[] = []
  const send = async ({ url }: HttpRequest) => {
    asked.push(url)
    const pieces = (async function* () {
      yield JSON.stringify(body)
    })()
    return { ok: true as const, status, header: () => null, pieces }
  }
  const given = { GATEHOUSE_URL: 'https://gate.example', ...variables }
  return { ...(await gatehouse(line.split(' '), {}, { variables: given, send })), asked }
}

describe('whoami', () => {
  test('of the root token needs no tenant', async () => {
    const { code, out, asked } = await run('whoami', { GATEHOUSE_TOKEN: 'r00t' })
    expect({ code, out, asked }).toEqual({
      code: 0,
      out: 'root, the owner of the deployment; of all tenants; gateway 1.2.3 at https://gate.example\n',
      asked: ['https://gate.example/api/v1/whoami'],
    })
    const json = await run('whoami --json', { GATEHOUSE_TOKEN: 'r00t' })
    expect(JSON.parse(json.out)).toEqual({ ...ROOT, url: 'https://gate.example' })
  })

  test('of a person is asked of their tenant, and with --tenant of that one', async () => {
    const token = { GATEHOUSE_TOKEN: 'gha_acme_ana_0123456789abcdef' }
    const ana = { ...ROOT, kind: 'person', name: 'ana', role: 'admin', tenant: 'acme' }
    const { out, asked } = await run('whoami', token, 200, ana)
    expect(asked).toEqual(['https://gate.example/api/v1/tenants/acme/whoami'])
    expect(out).toMatch(/^ana, admin; tenant acme; /)
    expect((await run('whoami --tenant globex', token, 200, ana)).asked).toEqual([
      'https://gate.example/api/v1/tenants/globex/whoami',
    ])
  })

  test('of a grant says what the gateway says of its token', async () => {
    const detail = 'This is the token of a grant, which an agent presents at /mcp.'
    const refused = await run('whoami', { GATEHOUSE_TOKEN: GRANT }, 401, { title: 'Unauthorized', detail })
    expect(refused).toMatchObject({ code: 2, err: `gatehouse whoami: 401 Unauthorized: ${detail}\n` })
  })
})

describe('another command', () => {
  test('without a tenant is refused, and told of a grant’s token what it is', async () => {
    const none = await run('grant list', { GATEHOUSE_TOKEN: 'r00t' })
    expect(none).toMatchObject({
      code: 2,
      asked: [],
      err: expect.stringContaining('found no tenant; allowed: '),
    })
    const agent = await run('grant list', { GATEHOUSE_TOKEN: GRANT })
    expect(agent).toMatchObject({ code: 2, asked: [] })
    expect(agent.err).toMatch(
      /^gatehouse grant list: found the token of a grant \(gh_…\), .*; allowed: an administration token: .*\nTry: /,
    )
    expect(agent.err).not.toContain(GRANT)
  })

  test('takes an empty --tenant for none, and not for the whole deployment', async () => {
    const none = await run('grant list --tenant=', { GATEHOUSE_TOKEN: 'r00t' })
    expect(none).toMatchObject({ code: 2, asked: [] })
    const named = await run('grant list --tenant=', { GATEHOUSE_TOKEN: 'r00t', GATEHOUSE_TENANT: 'acme' })
    expect(named.asked[0]).toContain('/api/v1/tenants/acme/grants')
  })
})
