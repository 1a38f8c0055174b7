/** Policies of the gateway as commands take them, `@NAME`, and a tool as its servers list it. */
import { describe, expect, test } from 'vitest'
import type { HttpReply, HttpRequest } from '../../../src/cli/kit/outcome.ts'
import { gatehouse } from '../../support/node/cli.ts'

const variables = {
  GATEHOUSE_URL: 'https://gate.example',
  GATEHOUSE_TOKEN: 'secret-token',
  GATEHOUSE_TENANT: 'acme',
}
const POLICY = {
  version: '1',
  default: 'deny',
  tools: {
    transfer: { deny_if: [{ conditions: [{ path: 'args.amount', op: 'gt', value: 100 }] }] },
    crm__find: {
      deny_if: [{ conditions: [{ path: 'tool.annotations.destructiveHint', op: 'eq', value: true }] }],
    },
  },
}
const tool = (names: string[], shown_as: string | null = null) => ({ names, shown_as, input_schema: {} })
const TOOLS = {
  servers: [
    { name: 'pay', native: false, tools: [tool(['pay__transfer', 'transfer'])] },
    { name: 'bank', native: false, tools: [tool(['bank__transfer', 'transfer'])] },
    { name: 'crm', native: false, tools: [tool(['crm__find', 'find'], 'crm__find_1a2b3c4d')] },
    { name: 'slow', native: false, tools: null },
    { name: 'session', native: true, tools: [tool(['auth_login'])] },
  ],
}
const LISTED = { items: [{ name: 'find', annotations: { destructiveHint: true } }], listed_at: null }

const answers: Readonly<Record<string, unknown>> = {
  '/policies/readers': { name: 'readers', version: 2, policy: POLICY },
  '/policies/readers?version=1': { name: 'readers', version: 1, policy: { version: '1', default: 'allow' } },
  '/tools': TOOLS,
  '/servers/crm/tools': LISTED,
  '/servers/pay/tools': { items: [], listed_at: null },
}

async function* piecesOf(text: string): AsyncGenerator<string> {
  yield text
}

async function run(words: readonly string[], files: Record<string, string> = {}) {
  const asked: string[] = []
  const send = async ({ url }: HttpRequest): Promise<HttpReply> => {
    const path = url.replace('https://gate.example/api/v1/tenants/acme', '')
    asked.push(path)
    const answer = answers[path]
    const body = answer ?? { title: 'Not found', detail: 'This tenant has no policy of that name.' }
    const reply = { ok: true as const, status: answer === undefined ? 404 : 200, header: () => null }
    return { ...reply, pieces: piecesOf(JSON.stringify(body)) }
  }
  return { ...(await gatehouse(['policy', ...words], files, { variables, send })), asked }
}

describe('explain', () => {
  test('takes a policy of the gateway by its name, and an earlier version', async () => {
    const now = await run(['explain', '@readers', '--tool', 'pay__refund'])
    expect(now).toMatchObject({ code: 0, err: '', asked: ['/policies/readers'] })
    expect(now.out).toMatch(/^pay__refund: denied \(default_deny\) by \(default deny\): /)
    const before = await run(['explain', '@readers:1', '--tool', 'pay__refund'])
    expect(before.out).toBe('pay__refund: allowed by (default allow)\n')
    expect(await run(['explain', '@nobody', '--tool', 't'])).toMatchObject({
      code: 1,
      err: 'gatehouse policy explain: 404 Not found: This tenant has no policy of that name.\n',
    })
    expect((await run(['explain', '@readers:x', '--tool', 't'])).err).toContain(
      'allowed: @NAME, or @NAME:VERSION',
    )
  })

  test('says how the gateway’s is written to whoever has no such file', async () => {
    const { code, err, asked } = await run(['explain', 'readers', '--gateway', '--tool', 't'])
    expect({ code, err, asked }).toEqual({
      code: 2,
      err: 'readers: cannot be read: no such file or directory; the gateway’s policy of that name is @readers\n',
      asked: [],
    })
    expect((await run(['explain', 'p.yaml', '--tool', 't'])).err).toBe(
      'p.yaml: cannot be read: no such file or directory\n',
    )
  })

  test('judges an upstream server’s tool by both of its names, as the gateway does', async () => {
    const called = (name: string) =>
      run(['explain', 'p.json', '--tool', name, '--args', '{"amount":101}'], {
        'p.json': JSON.stringify(POLICY),
      })
    expect((await called('pay__transfer')).out).toBe(
      'pay__transfer: denied (denied) by /tools/transfer/deny_if/0: The policy denies this call of "pay__transfer".\n' +
        '  /tools/transfer/deny_if/0/conditions/0: args.amount gt 100, saw number: holds\n',
    )
    // A native tool's own name is nobody else's.
    const login = { 'p.json': '{"version":"1","default":"deny","tools":{"auth_login":{}}}' }
    expect((await run(['explain', 'p.json', '--tool', 'auth_login'], login)).out).toMatch(/: allowed by /)
    expect((await run(['explain', 'p.json', '--tool', 'pay__auth_login'], login)).out).toMatch(/default_deny/)
  })

  test('of a tool as it is listed takes its names and annotations, unless others are typed', async () => {
    const words = ['explain', '@readers', '--gateway', '--tool']
    const found = await run([...words, 'crm__find'])
    expect(found.out).toMatch(/^crm__find: denied \(denied\) by \/tools\/crm__find\/deny_if\/0: /)
    expect(found.asked).toEqual(['/policies/readers', '/tools', '/servers/crm/tools'])
    // The name that agents see, and the one that it has at the server's own URL.
    for (const name of ['crm__find_1a2b3c4d', 'find'])
      expect((await run([...words, name])).out).toBe(found.out)
    const typed = await run([...words, 'crm__find', '--annotations', '{"destructiveHint":false}'])
    expect(typed.out).toMatch(/^crm__find: allowed by /)
    expect((await run([...words, 'auth_login'])).asked).toEqual(['/policies/readers', '/tools'])
  })

  test.each<[string[], string]>([
    [['--tool', 'crm__fnid'], 'found the tool "crm__fnid", which no server of the tenant has'],
    [['--tool', 'crm__fnid'], 'did you mean "crm__find"?'],
    [
      ['--tool', 'transfer'],
      'found the tool "transfer" of 2 servers; allowed: pay__transfer, bank__transfer',
    ],
    [['--resource', 'crm+x:y'], 'found --gateway without --tool'],
  ])('with --gateway refuses %j', async (words, said) => {
    const { code, err } = await run(['explain', '@readers', '--gateway', ...words])
    expect(code).toBe(2)
    expect(err).toContain(said)
  })

  test('of a server that was never listed takes the name as it is typed', async () => {
    const { code, out } = await run(['explain', '@readers', '--gateway', '--tool', 'slow__transfer'])
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringContaining('slow__transfer: allowed by'),
    })
  })
})

test('validate and convert take a policy of the gateway, too', async () => {
  expect(await run(['validate', '@readers'])).toMatchObject({
    code: 0,
    out: '@readers: OK, hosted dialect\n',
  })
  const warned = await run(['validate', '@readers', '--gateway'])
  expect(warned.asked).toContain('/policies/readers')
  const gone = await run(['validate', '@readers', '@nobody', '--json'])
  expect(gone.code).toBe(1)
  expect(JSON.parse(gone.out)).toMatchObject({
    ok: false,
    files: [
      { file: '@readers', ok: true },
      { file: '@nobody', ok: false },
    ],
  })
  const converted = await run(['convert', '@readers', '--to', 'hosted'])
  expect(converted.code).toBe(0)
  expect(JSON.parse(converted.out)).toHaveProperty('version')
})

test('a constant of the policy is shown, cut where it is long, and whole for programs', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `customer-${i}`)
  const policy = { version: '1', tools: { t: { require: [{ path: 'args.to', op: 'in', value: names }] } } }
  const files = { 'p.json': JSON.stringify(policy) }
  const args = ['--args', '{"to":"k4n4ry-of-an-argument"}']
  const { out } = await run(['explain', 'p.json', '--tool', 't', ...args], files)
  expect(out).toMatch(/: args\.to in \["customer-0","customer-1",.*…, saw string: fails\n/)
  expect(out).not.toContain('k4n4ry')
  const json = await run(['explain', 'p.json', '--tool', 't', ...args, '--json'], files)
  expect(JSON.parse(json.out).conditions[0]).toMatchObject({ op: 'in', value: names, saw: 'string' })
  expect(json.out).not.toContain('k4n4ry')
})
