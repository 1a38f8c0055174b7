/** The command line says what a change comes to beside itself: before it asks, and in what is printed when it is done. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'
import { type MisbehavingServer, startMisbehaving } from '../support/node/misbehaving.ts'

const ADDRESS = 'http://127.0.0.1:9/mcp'
const NAMES_CRM = 'version: "1"\ndefault: allow\nhide: [crm__delete]\n'

describe.skipIf(bareWorkerdMissing !== null)(`consequences ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway

  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(async () => {
    await gateway?.stop()
  })

  /** Runs a command at a terminal, where a person answers its question. */
  async function asked(cli: CliAt, line: string, answer: boolean) {
    let question = ''
    const { code, out, err } = await cli(line, {}, { answer, asked: (text) => (question = text) })
    return { code, out, err, question }
  }

  describe('a name of a tenant that there is not', () => {
    test.each([
      ['secret set crm --env KEY --origins https://crm.example.com', 'secret crm stored\n'],
      ['person add ana --role viewer', 'person ana added\n'],
      [`server add crm --at ${ADDRESS} --no-scan`, 'server crm added\n'],
      ['grant issue bot --servers session', 'grant bot made\n'],
      ['webhook add ops --at http://127.0.0.1:9/hook --events tool.drift', 'webhook ops'],
    ])('is said to have made one: %s', async (line, out) => {
      const tenant = `typo-${line.split(' ')[0]}`
      const cli = cliAt(gateway.url, tenant)
      const made = await cli(line, {}, { variables: { KEY: 'some-value-of-a-key' } })
      expect([made.code, made.out]).toEqual([0, expect.stringContaining(out)])
      expect(made.err).toContain(`warning: The tenant ${tenant} was made: there was none of that name.\n`)
    })
  })

  describe('a server that is removed', () => {
    async function tenant(name: string) {
      const cli = cliAt(gateway.url, name)
      await cli(`server add crm --at ${ADDRESS} --no-scan`)
      await cli('policy push readers readers.yaml --yes', { 'readers.yaml': NAMES_CRM })
      await cli('grant issue bot --policy readers --servers session,crm')
      await cli('grant issue all')
      return cli
    }
    const consequences =
      'Grants that name it, from which it is taken: bot.\n' +
      'Grants that reach every server, and no longer this one: all.\n' +
      'Policies that name it, and go on naming it: readers (crm__delete).\n'

    test('is asked about with everything that names it, which is not said again', async () => {
      const cli = await tenant('removed')
      const no = await asked(cli, 'server remove crm', false)
      expect([no.code, no.question]).toEqual([1, `${consequences}Remove the server crm, its pins included?`])
      expect(cli.requests.some(({ method }) => method === 'DELETE')).toBe(false)
      const yes = await asked(cli, 'server remove crm', true)
      expect([yes.code, yes.out, yes.err]).toEqual([0, 'server crm removed\n', ''])
      expect((await cli.json('grant show bot')).data.servers).toEqual(['session'])
    })

    test('is told of where nobody was asked', async () => {
      const cli = await tenant('unasked')
      const removed = await cli('server remove crm --yes')
      expect(removed.err).toBe(consequences.replaceAll(/^/gm, 'warning: ').replace(/warning: $/, ''))
    })

    test('stands in the plan of apply with what stays of it', async () => {
      const cli = await tenant('pruned')
      const files = { 't/servers/erp.yaml': `url: ${ADDRESS}\nenabled: false\n` }
      const planned = await cli('apply t --prune --plan', files)
      expect(planned.out).toContain(
        `  delete server crm\n${consequences.trimEnd().replaceAll(/^/gm, '      ')}\n`,
      )
      const done = await cli('apply t --prune --yes', files)
      expect([done.code, done.err]).toEqual([
        0,
        'warning: server erp: The server is not enabled: no grant reaches it.\n',
      ])
    })
  })

  describe('a server that is new', () => {
    const DEAD =
      /The server "crm" could not be reached.*, so its tools were not listed\. Check that it runs, and that its url leads to it, then scan it again: gatehouse server scan crm\.\n/
    let upstream: MisbehavingServer

    beforeAll(async () => {
      upstream = await startMisbehaving({ eras: { session: true, stateless: true } })
    })
    afterAll(() => upstream?.stop())

    test('and cannot be reached is said to be so, once it was asked, and so it stands in the list', async () => {
      const cli = cliAt(gateway.url, 'dead')
      await cli('tenant create dead')
      const added = await cli(`server add crm --at ${ADDRESS}`)
      expect([added.code, added.out, added.err]).toEqual([
        0,
        'server crm added\n',
        expect.stringMatching(new RegExp(`^warning: ${DEAD.source}$`)),
      ])
      const list = await cli('server list')
      expect(list.out).toMatch(
        /^name +url +enabled +breaker +scan +tools +drift +last success\ncrm .* yes +closed +failed +— +0 +—\n$/,
      )
      expect(list.err).toMatch(DEAD)
      const { data } = await cli.json(`server add crm --at ${ADDRESS} --replace`)
      expect(data).toMatchObject({ scans: true, warnings: [expect.stringMatching(/could not be reached/)] })
      // It has moved, so it is asked at once, and now nothing is wrong.
      expect(await cli(`server add crm --at ${upstream.url} --replace`)).toMatchObject({ code: 0, err: '' })
      const well = await cli('server list')
      expect([well.out, well.err]).toEqual([expect.stringMatching(/ ok +1 +0 /), ''])
      expect((await cli(`server add idle --at ${ADDRESS} --no-scan`)).err).toBe('')
    })

    test('is compared with the policies that name it', async () => {
      const cli = cliAt(gateway.url, 'vain')
      await cli('policy push readers readers.yaml --yes', {
        'readers.yaml':
          'version: "1"\ndefault: allow\nhide: [crm__echo, crm__ecko]\nprompts: { crm__draft: {} }\n',
      })
      const added = await cli(`server add crm --at ${upstream.url}`)
      expect(added.err).toBe(
        'warning: The policy readers names tools that the server crm does not have: crm__ecko.\n',
      )
    })

    test('is scanned before apply ends, which then says what could not be checked in the plan', async () => {
      const cli = cliAt(gateway.url, 'first')
      const files = {
        't/servers/crm.yaml': `url: ${upstream.url}\n`,
        't/servers/dead.yaml': `url: ${ADDRESS}\n`,
        't/policies/readers.yaml': 'version: "1"\ndefault: allow\nhide: [crm__echo, crm__ecko, dead__x]\n',
      }
      const done = await cli('apply t --yes', files)
      expect(done.code).toBe(0)
      const lines = done.err.trimEnd().split('\n')
      expect(lines).toEqual([
        expect.stringMatching(
          /readers\.yaml: warning: The tools of crm are not known yet.*: crm__echo, crm__ecko\./,
        ),
        expect.stringMatching(/readers\.yaml: warning: The tools of dead are not known yet.*: dead__x\./),
        expect.stringMatching(
          /^warning: The server "dead" could not be reached.*gatehouse server scan dead\.$/,
        ),
        expect.stringMatching(
          /^t\/policies\/readers\.yaml:3:\d+ warning: \/hide\/1: found the tool "crm__ecko", which no server has; .*"crm__echo"\?$/,
        ),
      ])
      expect((await cli('apply t', files)).out).toBe('nothing to do\n')
    })
  })

  describe('a deployment that is not set up for something', () => {
    const ROOT = 'root-token-of-an-operator-who-has-one'
    let bare: BareGateway

    beforeAll(async () => {
      const vars = {
        DEMO: 'false',
        ROOT_TOKEN: ROOT,
        NATIVE_SERVERS: 'session',
        ALLOW_PRIVATE_UPSTREAMS: 'true',
      }
      bare = await startBare(vars)
    })
    afterAll(() => bare?.stop())

    test('refuses in the plan what it has no keys for, before anything is applied', async () => {
      const cli = cliAt(bare.url, 'keyless', ROOT)
      const files = {
        't/tenant.yaml': 'audit: { retention_days: 90 }\n',
        't/servers/crm.yaml': `url: ${ADDRESS}\nheaders: { X-Api-Key: some-value-of-a-key }\n`,
        't/servers/open.yaml': `url: ${ADDRESS}\nenabled: false\n`,
        't/policies/readers.yaml': 'version: "1"\n',
        't/grants/bot.yaml': 'policy: readers\nservers: [open]\n',
        't/webhooks/ops.yaml': 'url: http://127.0.0.1:9/hook\n',
      }
      for (const line of ['apply t --plan', 'apply t --yes']) {
        const refused = await cli(line, files)
        expect([refused.code, refused.err.trimEnd().split('\n')]).toEqual([
          1,
          [
            expect.stringMatching(
              /^t\/tenant\.yaml: \/audit\/retention_days: found 90; allowed: to leave it out/,
            ),
            expect.stringMatching(
              /^t\/servers\/crm\.yaml: \/headers: found headers, and the deployment has no ENCRYPTION_KEYS/,
            ),
            expect.stringMatching(
              /^t\/grants\/bot\.yaml: found a new grant, and the deployment has no ENCRYPTION_KEYS, .*gatehouse grant issue bot --key none$/,
            ),
            expect.stringMatching(
              /^t\/webhooks\/ops\.yaml: found a webhook, and the deployment has no ENCRYPTION_KEYS/,
            ),
          ],
        ])
      }
      expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
      const {
        't/servers/open.yaml': server,
        't/policies/readers.yaml': policy,
        't/grants/bot.yaml': grant,
      } = files
      const rest = { 't/servers/open.yaml': server, 't/policies/readers.yaml': policy }
      expect((await cli('apply t --yes', rest)).code).toBe(0)
      // The plan says what can be done instead.
      expect((await cli('grant issue bot --policy readers --servers open --key none')).code).toBe(0)
      expect(
        (await cli('apply t --yes', { ...rest, 't/grants/bot.yaml': `${grant}label: Bot\n` })).code,
      ).toBe(0)
    })

    test('says of a policy that it names tools of a native server that is off, and not that it could not check them', async () => {
      const cli = cliAt(bare.url, 'off', ROOT)
      await cli(`server add dead --at ${ADDRESS} --no-scan`)
      const policy = 'version: "1"\ndefault: allow\nhide: [track_logout, some_tool]\n'
      const says = (file: string) =>
        `${file}: warning: The tools of dead are not known yet, so these names were not checked: some_tool.\n` +
        `${file}: warning: The policy names tools of the native server "legiti", which this deployment does not have ` +
        '(NATIVE_SERVERS does not name it): track_logout. Its entries for them have no effect.\n'
      expect((await cli('policy push p p.yaml --yes', { 'p.yaml': policy })).err).toBe(says('p.yaml'))
      expect((await cli('policy validate p.yaml --gateway', { 'p.yaml': policy })).out).toContain(
        says('p.yaml'),
      )
      const files = { 't/policies/q.yaml': policy }
      expect((await cli('apply t --yes', files)).err).toBe(says('t/policies/q.yaml'))
    })
  })

  test('a policy under which nobody can log in is said to be one, with grants that have logins', async () => {
    const cli = cliAt(gateway.url, 'shut')
    const says = (where: string) =>
      new RegExp(
        `^${where}The grant has the native server "session", and its policy shut refuses auth_login \\(denied by default\\), .*, so that nobody can log in: allow its tools there \\(auth_login, auth_logout, auth_whoami\\), or leave the server out of servers\\.\n$`,
      )
    await cli('policy push shut p.yaml --yes', { 'p.yaml': 'version: "1"\n' })
    const issued = await cli('grant issue bot --policy shut --servers session')
    expect(issued.err).toMatch(says('warning: '))
    const files = {
      't/policies/shut.yaml': 'version: "1"\ndescription: another\n',
      't/grants/bot.yaml': 'policy: shut\nservers: [session]\n',
      't/grants/ops.yaml': 'policy: shut\nservers: [session]\n',
    }
    const planned = await cli('apply t --plan', files)
    expect(planned.err.trimEnd().split('\n')).toEqual([
      't/policies/shut.yaml: warning: Grants that have the native server "session" are under this policy (bot), which refuses ' +
        'auth_login (denied by default), auth_logout (denied by default), auth_whoami (denied by default), so that nobody can log in.',
      expect.stringMatching(/^t\/grants\/ops\.yaml: warning: The grant has the native server "session"/),
    ])
    // A warning of the plan is not printed again.
    expect((await cli('apply t --yes', files)).err).toBe(planned.err)
    const opened = { ...files, 't/policies/shut.yaml': 'version: "1"\ndefault: allow\n' }
    expect((await cli('apply t --yes', opened)).err).toBe('')
  })

  describe('the last admin', () => {
    const NOBODY = 'Nobody is admin of the tenant'

    test('is asked about before they are removed, with the grants that are theirs', async () => {
      const cli = cliAt(gateway.url, 'lone')
      await cli('person add ana --role admin')
      await cli('grant issue hers --owner ana --servers session')
      const no = await asked(cli, 'person remove ana', false)
      expect(no.question).toBe(
        'ana is the last admin of the tenant lone: without one, the root token alone administers it. Only the root token can do this.\n' +
          'Grants that keep ana as their owner: hers.\n' +
          'Remove the person ana and all of their tokens?',
      )
      expect((await cli('person show ana')).code).toBe(0)
      const done = await cli('person remove ana --yes')
      expect([done.code, done.err]).toEqual([0, expect.stringContaining(`warning: ${NOBODY} lone any more`)])
    })

    test('is asked about before they are anything else, and is not where somebody else is admin', async () => {
      const cli = cliAt(gateway.url, 'lone-2')
      await cli('person add ana --role admin')
      const no = await asked(cli, 'person set ana --role viewer', false)
      expect([no.code, no.question]).toEqual([
        1,
        expect.stringMatching(/^ana is the last admin .*\nMake ana viewer\?$/),
      ])
      expect(await cli('person set ana --role viewer')).toMatchObject({ code: 1 })
      expect((await cli.json('person show ana')).data.role).toBe('admin')
      await cli('person add bea --role admin')
      expect(await cli('person set ana --role viewer')).toMatchObject({ code: 0, err: '' })
      const taken = await cli('person set bea --role viewer --yes')
      expect([taken.code, taken.err]).toEqual([0, expect.stringContaining(NOBODY)])
    })

    test('cannot take themselves away', async () => {
      const cli = cliAt(gateway.url, 'lone-3')
      await cli('person add ana --role admin')
      const token = /^token: (\S+)$/m.exec((await cli('person token ana')).out)?.[1] ?? ''
      const ana = cliAt(gateway.url, 'lone-3', token)
      for (const line of ['person remove ana --yes', 'person set ana --role viewer --yes'])
        expect(await ana(line)).toMatchObject({
          code: 1,
          err: expect.stringContaining('409 Conflict: found ana, the last admin of the tenant; allowed: '),
        })
      expect(await ana('person list')).toMatchObject({ code: 0 })
    })
  })
})
