/** The administration commands, against a real gateway. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'

const POLICY = '{"version":"1","default":"allow"}'
const STRICTER = 'version: "1"\ndefault: allow\nhide: [pay]\n'

describe.skipIf(bareWorkerdMissing !== null)(`administration ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let cli: CliAt

  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    cli = cliAt(gateway.url, 'acme')
    const made = await cli('tenant create acme --reason signed')
    expect(made).toEqual({ code: 0, out: 'tenant acme created\n', err: '' })
  })
  afterAll(() => gateway?.stop())

  test('a tenant is created once, shown, changed, suspended and resumed', async () => {
    const again = await cli('tenant create acme')
    expect(again.code).toBe(1)
    expect(again.err).toMatch(/^gatehouse tenant create: 412 Precondition failed: /)
    const file = { 'tenant.yaml': 'identity: { trusted: true }' }
    expect(await cli('tenant set acme --file tenant.yaml', file)).toMatchObject({ code: 0 })
    const shown = await cli('tenant show acme')
    expect(shown.out).toContain('identity:\n  trusted: true\n')
    expect((await cli('tenant suspend acme')).out).toBe('tenant acme suspended\n')
    expect((await cli.json('tenant show')).data.suspended_at).toEqual(expect.any(String))
    expect((await cli('tenant resume acme')).out).toBe('tenant acme resumed\n')
    expect((await cli.json('tenant show')).data.suspended_at).toBeNull()
  })

  test('every problem of a document is a line of its own', async () => {
    const file = { 's.yaml': 'url: https://u.example/mcp\non_drift: hidde\ntimeouts: { idle_seconds: 0 }\n' }
    const { code, out, err } = await cli('server add bad --file s.yaml', file)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err.trimEnd().split('\n')).toEqual([
      'gatehouse server add: 422 Invalid document:',
      expect.stringMatching(/^ {2}\/timeouts\/idle_seconds: found 0; allowed: /),
      expect.stringMatching(/^ {2}\/on_drift: found "hidde"; allowed: .*did you mean "hide"\?$/),
    ])
    const { data } = await cli.json('server add bad --file s.yaml', file)
    expect(data).toEqual({ errors: [expect.objectContaining({ status: 422, title: 'Invalid document' })] })
  })

  test('servers are added, listed, replaced and removed; header values come from the environment', async () => {
    const files = { 'crm.yaml': `url: http://127.0.0.1:9/mcp\nheaders: { X-Api-Key: "\${CRM_KEY}" }\n` }
    const unset = await cli('server add crm --file crm.yaml', files)
    expect(unset).toMatchObject({
      code: 1,
      err: `crm.yaml: /headers/X-Api-Key: found \${CRM_KEY}; allowed: variables that are set in the environment, and not empty\n`,
    })
    const variables = { CRM_KEY: 'k-123' }
    const added = await cli('server add crm --file crm.yaml --no-scan', files, { variables })
    expect(added).toEqual({
      code: 0,
      out: 'server crm added\n',
      err: 'warning: The headers are sent to this server unencrypted.\n',
    })
    expect(await cli('server add crm --file crm.yaml', files, { variables })).toMatchObject({ code: 1 })
    const replaced = await cli('server add crm --at http://127.0.0.1:9/other --replace')
    expect(replaced).toMatchObject({ code: 0, out: 'server crm replaced\n' })
    const list = await cli('server list')
    expect(list.out.split('\n')[1]).toMatch(
      /^crm +http:\/\/127\.0\.0\.1:9\/other +yes +closed +failed +— +0 +—$/,
    )
    expect((await cli('server show crm')).out).toContain('url: http://127.0.0.1:9/other\n')
    expect((await cli('server status crm')).out).toContain('breaker: closed\n')
    expect((await cli('server accept crm')).out).toBe('nothing had changed\n')
    expect((await cli('server accept crm --tool x')).code).toBe(1)
    expect((await cli('server remove crm --yes')).out).toBe('server crm removed\n')
    expect((await cli('server show crm')).err).toMatch(/^gatehouse server show: 404 Not found: /)
  })

  test('a policy is pushed after its change was shown, and rolled back the same way', async () => {
    const files = { 'p.json': POLICY, 'stricter.yaml': STRICTER }
    const unasked = await cli('policy push readers p.json', files)
    expect(unasked).toEqual({
      code: 1,
      out: 'policy readers is new\n',
      err: 'gatehouse policy push: nothing was done; with --yes it is\n',
    })
    expect((await cli('policy push readers p.json --yes', files)).out).toBe(
      'policy readers is new\npolicy readers is now version 1\n',
    )
    expect((await cli('policy push readers p.json', files)).out).toBe('nothing to do\n')
    const change = /^tool +what +@readers +stricter\.yaml\npay +listed +yes +no\npay +call +allowed +hidden\n/
    expect((await cli('policy push readers stricter.yaml', files)).out).toMatch(change)

    const questions: string[] = []
    const asked = (question: string) => questions.push(question)
    const no = await cli('policy push readers stricter.yaml', files, { answer: false, asked })
    const warning =
      'stricter.yaml:3:8 warning: /hide/0: found the tool "pay", which no server has; allowed: a tool that is known\n'
    expect(no).toEqual({ code: 1, out: '', err: `${warning}gatehouse policy push: nothing was done\n` })
    const yes = await cli('policy push readers stricter.yaml --reason audit', files, { answer: true, asked })
    // Said before the question, and not again by the gateway's answer.
    expect(yes).toMatchObject({ code: 0, out: 'policy readers is now version 2\n', err: warning })
    expect(questions).toEqual([expect.stringMatching(change), expect.stringMatching(/Push it as readers\?$/)])

    expect(await cli('policy diff @readers:1 @readers')).toMatchObject({ code: 1 })
    expect(await cli('policy diff @readers stricter.yaml', files)).toMatchObject({
      code: 0,
      out: 'no change\n',
    })
    expect(await cli('policy diff @nobody stricter.yaml', files)).toMatchObject({ code: 2 })
    expect((await cli('policy list readers')).out).toMatch(/\n2 +yes .* audit\n1 +no /)

    const back = await cli('policy rollback readers 1 --yes')
    expect(back.out).toMatch(/\npay +call +hidden +allowed\npolicy readers is now version \d+\n$/)
    expect(JSON.parse((await cli('policy show readers')).out)).toEqual(JSON.parse(POLICY))
    expect(JSON.parse((await cli('policy show readers --version 2')).out)).toMatchObject({ hide: ['pay'] })
    expect((await cli('policy remove readers --yes')).code).toBe(0)
    expect((await cli('policy list')).out).toBe('none\n')

    expect((await cli('policy list --deleted')).out).toMatch(/\nreaders +/)
    expect((await cli('policy list readers')).out).toMatch(/\n2 +no .* audit/)
    expect((await cli('policy rollback readers 9 --yes')).code).toBe(1)
    expect(await cli('policy rollback readers 2')).toMatchObject({ code: 1, out: '' })
    expect((await cli('policy rollback readers 2 --yes')).out).toBe(
      'policy readers is there again, as version 2\n',
    )
    expect(JSON.parse((await cli('policy show readers')).out)).toMatchObject({ hide: ['pay'] })
    expect((await cli('policy remove readers --yes')).code).toBe(0)
  })

  test('a change by somebody else is noticed', async () => {
    const files = { 'p.json': POLICY, 'stricter.yaml': STRICTER }
    await cli('policy push shared p.json --yes', files)
    const other = cliAt(gateway.url, 'acme')
    const send = cli.requests.length
    const { sendRequest } = await import('../../src/cli/kit/io.ts')
    const { code, err } = await cli(
      'policy push shared p.json --yes',
      { 'p.json': '{"version":"1"}' },
      {
        send: async (request) => {
          if (request.method === 'PUT') await other('policy push shared stricter.yaml --yes', files)
          return sendRequest(request)
        },
      },
    )
    expect(cli.requests.length).toBeGreaterThan(send)
    expect(code).toBe(1)
    expect(err).toMatch(/^gatehouse policy push: 412 Precondition failed: /)
  })

  test('a grant is issued, changed, rotated and revoked; its token opens the gateway', async () => {
    const opens = async (token: string | undefined) => {
      const { status } = await fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
      return status !== 401
    }
    const tokenIn = (out: string) => /^token: (gh_acme_bot_\S+)$/m.exec(out)?.[1]
    const issued = await cli("grant issue bot --label 'Support bot' --servers session")
    expect(issued).toMatchObject({
      code: 0,
      err: 'warning: The grant is under no policy: every call is denied.\n',
    })
    const first = tokenIn(issued.out)
    expect(await opens(first)).toBe(true)
    expect((await cli('grant issue bot')).code).toBe(1)
    expect((await cli('grant set bot --expires 2099-01-01T00:00:00Z')).out).toBe('grant bot changed\n')
    expect((await cli('grant show bot')).out).toContain('label: Support bot\n')
    expect((await cli('grant list')).out).toMatch(
      /\nbot +Support bot +— +session +session +auto +2099-01-01T00:00:00\.000Z +/,
    )
    const second = tokenIn((await cli('grant rotate bot --overlap 60')).out)
    expect([await opens(first), await opens(second)]).toEqual([true, true])
    expect((await cli('grant revoke bot --yes')).out).toBe('grant bot revoked\n')
    expect([await opens(first), await opens(second)]).toEqual([false, false])
  })

  test('the same creation with the same key has the same answer', async () => {
    const { data: a } = await cli.json('grant issue once --key 4711')
    const { data: b } = await cli.json('grant issue once --key 4711')
    expect(b).toEqual(a)
    expect(a.token).toMatch(/^gh_acme_once_/)
    const lost = await cli(
      'grant issue twice --key 4712',
      {},
      {
        send: async () => ({ ok: false, reason: 'connection reset' }),
      },
    )
    expect(lost).toMatchObject({
      code: 2,
      err:
        `gatehouse grant issue: no answer from ${gateway.url}: connection reset\n` +
        'It may have been done. Once more with --key 4712, it is done once, and the answer is the same.\n',
    })
  })

  test('people work with tokens of their own, as far as their role goes', async () => {
    expect((await cli('person add ana --role viewer --email ana@acme.example')).out).toBe(
      'person ana added\n',
    )
    const token = /^token: (\S+)$/m.exec((await cli('person token ana')).out)?.[1] ?? ''
    const ana = cliAt(gateway.url, 'acme', token)
    expect((await ana('grant list')).code).toBe(0)
    expect(await ana('grant issue x')).toMatchObject({
      code: 2,
      err: 'gatehouse grant issue: 403 Forbidden: This takes the role admin.\n',
    })
    expect((await cli("person set ana --role admin --accounts 'auth0|7, shop-1'")).code).toBe(0)
    expect((await cli.json('person show ana')).data).toMatchObject({ accounts: ['auth0|7', 'shop-1'] })
    expect((await cli('person set ana --email ana@acme.example')).code).toBe(0)
    expect((await cli.json('person show ana')).data).toMatchObject({ accounts: ['auth0|7', 'shop-1'] })
    expect((await cli('grant issue anas --owner ana')).code).toBe(0)
    expect((await cli('grant set anas --label Hers')).code).toBe(0)
    expect((await cli.json('grant show anas')).data).toMatchObject({ owner: 'ana', label: 'Hers' })
    expect((await cli("grant set anas --owner ''")).code).toBe(0)
    expect((await cli.json('grant show anas')).data).toMatchObject({ owner: null })
    expect((await cli("person set ana --accounts ''")).code).toBe(0)
    expect((await cli.json('person show ana')).data).toMatchObject({ accounts: [] })
    expect((await cli('person show ana')).out).toContain('role: admin\nemail: ana@acme.example\n')
    // The token says which tenant is meant.
    const { code } = await ana('person list', {}, { variables: { GATEHOUSE_TENANT: '' } })
    expect(code).toBe(0)
    await cli('person revoke-token ana --yes')
    expect(await ana('grant list')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/: 401 Unauthorized: /),
    })
    expect((await cli('person remove ana --yes')).code).toBe(0)
  })

  test('secrets go in, and are sealed anew', async () => {
    const stored = await cli('secret set crm --from - --origins https://crm.example.com', {
      '-': 's3cret-value\n',
    })
    expect(stored).toMatchObject({ code: 0, out: 'secret crm stored\n' })
    const replaced = await cli('secret set crm --env KEY', {}, { variables: { KEY: 'other' } })
    expect(replaced.out).toBe('secret crm replaced\n')
    expect(await cli('secret set crm')).toMatchObject({ code: 2 })
    const list = await cli('secret list')
    expect(list.out).toMatch(/\ncrm +insecure-demo +— /)
    expect(list.out).not.toContain('other')
    expect(await cli('secret rotate')).toMatchObject({
      code: 0,
      out: 'sealed anew with insecure-demo: 0; left: 0\nnothing of this tenant needs another key than insecure-demo\n',
    })
    expect((await cli('secret remove crm --yes')).out).toBe('secret crm removed\n')
  })

  test('sessions are listed and ended', async () => {
    await cli('grant issue sess --servers session')
    expect((await cli('session list')).out).toBe('none\n')
    expect((await cli('session list --grant sess --account ana')).out).toBe('none\n')
    expect((await cli('session end --grant sess --yes')).out).toBe('sessions ended: 0\n')
    expect((await cli('session end --account ana --yes')).out).toBe('sessions ended: 0\n')
    expect(await cli('session end nobody --grant sess --yes')).toMatchObject({ code: 1 })
    expect(await cli('session end nobody')).toMatchObject({ code: 2 })
  })

  test('whoami says who a token is of, and where', async () => {
    expect((await cli('whoami')).out).toBe(
      `root, the owner of the deployment; tenant acme; gateway 0.1.0 at ${gateway.url}\n`,
    )
    await cli('person add zoe --role viewer --email zoe@acme.example')
    const token = /^token: (\S+)$/m.exec((await cli('person token zoe --expires 1h')).out)?.[1] ?? ''
    const { data } = await cliAt(gateway.url, 'acme', token).json('whoami')
    expect(data).toMatchObject({ kind: 'person', name: 'zoe', role: 'viewer', email: 'zoe@acme.example' })
    expect(await cliAt(gateway.url, 'acme', `${token}x`)('whoami')).toMatchObject({ code: 2 })
    await cli('person remove zoe --yes')
  })

  test('times are said relative to now', async () => {
    await cli('grant issue brief --servers session --expires 1h30m')
    expect((await cli.json('grant show brief')).data).toMatchObject({
      expires_at: '2030-01-01T13:30:00.000Z',
    })
    expect(await cli('grant set brief --expires tomorrow')).toMatchObject({
      code: 2,
      err: expect.stringContaining('found --expires "tomorrow"; allowed: a moment with its zone'),
    })
    const before = cli.requests.length
    await cli('audit query --from 1d --to now')
    const { searchParams } = new URL(cli.requests[before]?.url ?? '')
    expect(searchParams.get('from')).toBe('2029-12-31T12:00:00.000Z')
    expect(searchParams.get('to')).toBe('2030-01-01T12:00:00.000Z')
  })

  test('a value that a field of the audit trail never has is refused with those that it has', async () => {
    expect(await cli('audit query --decision denied')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/decision.*"denied".*"deny".*"approval"/s),
    })
    expect((await cli('audit query --kind decisions')).err).toMatch(/"decision", "session", "change"/)
    expect((await cli('audit query --outcome ok')).err).toMatch(/"result"/)
    expect((await cli('audit tail --decision denied')).code).toBe(1)
  })

  test('a list is read to its end', async () => {
    const many = cliAt(gateway.url, 'many')
    await many('tenant create many')
    for (let i = 0; i < 101; i++) await many(`person add p${i} --role viewer`)
    expect((await many('person list')).out.trimEnd().split('\n')).toHaveLength(102)
  })

  test('a tenant is deleted, once somebody says so', async () => {
    const gone = cliAt(gateway.url, 'gone')
    await gone('tenant create gone')
    const unasked = await gone('tenant delete gone')
    expect(unasked).toMatchObject({
      code: 1,
      err: 'gatehouse tenant delete: nothing was done; with --yes it is\n',
    })
    // Its trail goes with it, so whoever wants to keep that hears of it first.
    expect(unasked.out).toContain('gatehouse audit export --tenant gone > gone.ndjson')
    expect((await gone('tenant show gone')).code).toBe(0)
    expect((await gone('tenant delete gone --wait 0 --yes')).code).toBe(0)
  })

  test('whatever is missing is said, and no token is ever printed', async () => {
    const nothing = { GATEHOUSE_URL: '', GATEHOUSE_TOKEN: '', GATEHOUSE_TENANT: '' }
    expect(await cli('grant list', {}, { variables: nothing })).toMatchObject({
      code: 2,
      err:
        'gatehouse grant list: found no URL; allowed: --url URL, or GATEHOUSE_URL\n' +
        'gatehouse grant list: found no token; allowed: GATEHOUSE_TOKEN, or --token TOKEN\n' +
        'gatehouse grant list: found no tenant; allowed: --tenant T, or GATEHOUSE_TENANT\n' +
        'Try: gatehouse grant list --help\n',
    })
    for (const line of [
      'grant list --url http://gate.example',
      'grant list --url http://127.0.0.1:1',
      'grant list --tenant nobody',
      `grant list --token ${ROOT_TOKEN}x`,
      `grant lst --token ${ROOT_TOKEN}`,
    ]) {
      for (const more of ['', ' --json']) {
        const { out, err } = await cli(line + more)
        expect(out + err).not.toContain(ROOT_TOKEN)
      }
    }
    const { err } = await cli('grant list --url http://127.0.0.1:1')
    expect(err).toBe('gatehouse grant list: no answer from http://127.0.0.1:1: bad port\n')
  })
})
