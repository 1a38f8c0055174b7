/** `apply` with everything that a folder may hold, for people and for programs that read exit codes. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRequest } from '../../src/cli/kit/io.ts'
import type { HttpRequest } from '../../src/cli/kit/outcome.ts'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { cliAt } from '../support/node/cli-gateway.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'
import { root } from '../support/node/wrangler-dev.ts'

const VALUE = 'value-of-a-secret-never-to-be-seen'
const NOTHING = { code: 0, out: 'nothing to do\n', err: '' }

const files = {
  't/tenant.yaml': 'tenant: TENANT\nidentity: { trusted: true }\n',
  't/people/ana.yaml': 'role: admin\nemail: ana@acme.example\naccounts: [auth0|1]\n',
  't/people/bob.yaml': 'role: viewer\n',
  't/secrets/crm.yaml': 'origins: [http://127.0.0.1:9]\n',
  't/servers/crm.yaml':
    'url: http://127.0.0.1:9/mcp\nheaders: { Authorization: { secret: crm, prefix: "Bearer " } }\n',
  't/policies/p.yaml': 'version: "1"\ndefault: allow\n',
  't/grants/bot.yaml': 'policy: p\nservers: [crm]\nowner: bob\n',
  't/webhooks/oncall.yaml': 'url: http://127.0.0.1:9/hook\nevents: [tool.drift]\n',
}

function folderOf(tenant: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const all = Object.entries({ ...files, ...more })
  return Object.fromEntries(all.map(([name, text]) => [name, text.replace('TENANT', tenant)]))
}

const planLines = (out: string) => out.split('\n').filter((line) => /^ {2}\w/.test(line))

describe.skipIf(bareWorkerdMissing !== null)(`apply ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(() => gateway?.stop())

  /** A tenant that has the secret, which is all that a folder cannot give it. */
  async function tenantWithSecret(tenant: string) {
    const cli = cliAt(gateway.url, tenant)
    await cli('secret set crm --from - --origins http://127.0.0.1:9', { '-': VALUE })
    cli.requests.length = 0
    return cli
  }

  describe('all kinds', () => {
    test('are planned, made in an order that works, and then there is nothing to do', async () => {
      const cli = await tenantWithSecret('all')
      const there = folderOf('all')
      const planned = await cli('apply t --plan', there)
      expect([planned.code, planned.err]).toEqual([2, ''])
      expect(planLines(planned.out)).toEqual([
        '  change tenant all: identity',
        '  create person ana',
        '  create person bob',
        '  create server crm',
        '  create policy p',
        '  create grant bot',
        '  create webhook oncall',
      ])
      expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
      // A person who says no leaves the changes to be made.
      expect(await cli('apply t', there, { answer: false })).toMatchObject({
        code: 2,
        err: 'gatehouse apply: nothing was done\n',
      })
      const made = await cli('apply t --yes', there)
      expect(made.code).toBe(0)
      expect(made.out).toMatch(/\ntoken of bot: gh_all_bot_\S+\n/)
      expect(made.out).toMatch(/\nsecret of oncall: whsec_\S+\n$/)
      expect(made.err).toContain('bob has no token yet: gatehouse person token bob gives one')
      expect(there).toEqual(folderOf('all'))
      expect(await cli('apply t', there)).toEqual(NOTHING)
      expect(await cli('apply t --plan --prune', there)).toEqual(NOTHING)
      const { data } = await cli.json('grant show bot')
      expect(data).toMatchObject({ owner: 'bob', policy: 'p', servers: ['crm'] })
    })

    test('are changed by member, and deleted last and only with --prune', async () => {
      const cli = await tenantWithSecret('change')
      await cli(
        'apply t --yes',
        folderOf('change', { 't/people/old.yaml': 'role: viewer\nemail: o@acme.example\n' }),
      )
      await cli('secret set old --from - --origins http://127.0.0.1:9', { '-': VALUE })
      const { 't/webhooks/oncall.yaml': _, ...rest } = folderOf('change', {
        't/people/bob.yaml': 'role: policy_manager\nemail: o@acme.example\n',
        't/webhooks/other.yaml': 'url: http://127.0.0.1:9/other\n',
      })
      const kept = await cli('apply t --plan', rest)
      expect(kept).toMatchObject({ code: 1, out: '' })
      expect(kept.err).toContain(
        '/email: found the address of old (of the tenant, who stays without --prune)',
      )
      const { code, data } = await cli.json('apply t --prune --yes', rest)
      expect({ code, data }).toMatchObject({
        code: 0,
        data: {
          tenant: 'change',
          plan: [
            { action: 'change', kind: 'person', name: 'old', details: ['email, which bob is to have'] },
            {
              action: 'change',
              kind: 'person',
              name: 'bob',
              details: ['role viewer → policy_manager', 'email'],
            },
            { action: 'create', kind: 'webhook', name: 'other' },
            { action: 'delete', kind: 'webhook', name: 'oncall' },
            { action: 'delete', kind: 'secret', name: 'old' },
            { action: 'delete', kind: 'person', name: 'old' },
          ],
          done: 6,
          tokens: {},
          secrets: { other: expect.stringMatching(/^whsec_/) },
        },
      })
      expect(await cli('apply t --prune', rest)).toEqual(NOTHING)
      // A kind without a folder is not touched.
      expect(
        await cli('apply t --prune', {
          't/people/ana.yaml': files['t/people/ana.yaml'],
          't/people/bob.yaml': String(rest['t/people/bob.yaml']),
        }),
      ).toEqual(NOTHING)
    })

    test('that cannot be are refused before anything is made', async () => {
      const cli = cliAt(gateway.url, 'none')
      const there = folderOf('none', {
        't/grants/bot.yaml': 'owner: nobody\nexpires_at: 2029-01-01T00:00:00Z\n',
        't/people/bob.yaml': 'role: viewer\nemail: ana@acme.example\n',
        't/policies/odd.txt': '',
      })
      const refused = await cli('apply t --yes', there)
      expect(refused).toMatchObject({ code: 1, out: '' })
      expect(refused.err.trimEnd().split('\n')).toEqual([
        'warning: t/policies/odd.txt: found another kind of file, which is left alone; allowed: *.yaml, *.yml, *.json',
        't/people/bob.yaml: /email: found the address of ana (t/people/ana.yaml); allowed: one of nobody else',
        't/secrets/crm.yaml: found no secret "crm" in the tenant; allowed: one that is there (gatehouse secret set crm --from - --origins http://127.0.0.1:9)',
        't/servers/crm.yaml: /headers/authorization: found the secret "crm", which the tenant does not have; allowed: none yet (gatehouse secret set crm --from - --origins http://127.0.0.1:9)',
        't/grants/bot.yaml: found the owner "nobody"; allowed: ana, bob',
        't/grants/bot.yaml: /expires_at: found a time that is past; allowed: a time to come, or null',
      ])
      expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
      const { code, data } = await cli.json('apply t --yes', there)
      expect({ code, data }).toEqual({
        code: 1,
        data: {
          errors: expect.arrayContaining([{ problem: expect.stringContaining('nobody') }]),
          problems: expect.arrayContaining([expect.stringContaining('nobody')]),
          warnings: [expect.any(String)],
        },
      })
      expect((await cli('tenant show none')).code).toBe(1)
    })
  })

  describe('the tenant', () => {
    test('that a folder is for is not another: nothing is asked', async () => {
      const cli = cliAt(gateway.url, 'second')
      for (const line of ['apply t', 'apply t --yes', 'apply t --plan --prune']) {
        expect(await cli(line, folderOf('first', { 't/people/bob.yaml': 'role: nonsense' }))).toEqual({
          code: 1,
          out: '',
          err: `t/tenant.yaml: /tenant: found "first"; allowed: "second", the tenant that is asked for (--tenant, GATEHOUSE_TENANT, or the token's)\n`,
        })
      }
      expect(await cli('tenant set --file t/tenant.yaml', folderOf('first'))).toMatchObject({ code: 1 })
      expect(await cli('tenant create second --file t/tenant.yaml', folderOf('first'))).toMatchObject({
        code: 1,
      })
      expect(cli.requests).toEqual([])
      expect((await cli('tenant create second --file t/tenant.yaml', folderOf('second'))).code).toBe(0)
      expect((await cli.json('tenant show')).data).toMatchObject({ identity: { trusted: true } })
      const onlyName = { 't/tenant.yaml': 'tenant: second\n' }
      expect(await cli('apply t', onlyName)).toEqual(NOTHING)
      expect(await cli('tenant set --file t/tenant.yaml', onlyName)).toMatchObject({ code: 1 })
    })

    test('is the folder’s where nothing else names one', async () => {
      const cli = cliAt(gateway.url, '')
      const there = { 't/tenant.yml': 'tenant: named\n', 't/people/ana.yaml': 'role: admin\n' }
      expect((await cli('apply t --yes', there)).out).toContain('tenant named\n  create tenant named\n')
      expect(await cli('apply t', there)).toEqual(NOTHING)
      expect(await cli('apply t --tenant other', there)).toMatchObject({ code: 1 })
      const unnamed = await cli('apply u', { 'u/people/ana.yaml': 'role: admin\n' })
      expect(unnamed).toMatchObject({ code: 1, err: expect.stringContaining('found no tenant') })
    })
  })

  test('whoever asks may do what the plan says, and is told so before', async () => {
    const admin = cliAt(gateway.url, 'roles')
    await admin('person add pia --role policy_manager')
    await admin('person add ana --role admin --email ana@acme.example')
    const tokenOf = async (name: string) => String((await admin.json(`person token ${name}`)).data.token)
    const pia = cliAt(gateway.url, 'roles', await tokenOf('pia'))
    const policies = { 't/tenant.yaml': 'tenant: roles\n', 't/policies/p.yaml': files['t/policies/p.yaml'] }
    const hooks = { ...policies, 't/webhooks/oncall.yaml': files['t/webhooks/oncall.yaml'] }
    const refused = await pia('apply t --yes', hooks)
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: 'found the role policy_manager of pia, which may not create webhook oncall; allowed: admin\n',
    })
    expect(pia.requests.every(({ method }) => method === 'GET')).toBe(true)
    expect(await pia('apply t --yes', policies)).toMatchObject({ code: 0 })
    expect(await pia('apply t', { ...policies, 't/people/pia.yaml': 'role: admin\n' })).toMatchObject({
      code: 1,
      err: 't/people: found the role policy_manager, which may not see people; allowed: admin\n',
    })
    const ana = cliAt(gateway.url, 'roles', await tokenOf('ana'))
    ana.requests.length = 0
    const own = { 't/people/ana.yaml': 'role: viewer\n', 't/people/pia.yaml': 'role: admin\n' }
    const locked = await ana('apply t --yes', own)
    expect(locked).toMatchObject({ code: 1, out: '' })
    expect(locked.err).toContain('/role: found viewer, and you are admin')
    expect(locked.err).toContain('/email: found another than yours')
    expect(ana.requests.every(({ method }) => method === 'GET')).toBe(true)
    // The root token is nobody's, and somebody stays admin.
    expect(await admin('apply t --yes', own)).toMatchObject({ code: 0 })
  })

  describe('servers', () => {
    let live: ScriptedServer
    beforeAll(async () => {
      live = await startScripted('stateless', ({ body }, response) => {
        if (body?.method !== 'tools/list') return false
        const inputSchema = { type: 'object', properties: { query: { type: 'string' } } }
        response.writeHead(200, { 'content-type': 'application/json' })
        const result = { resultType: 'complete', ttlMs: 0, tools: [{ name: 'find', inputSchema }] }
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
        return true
      })
    })
    afterAll(() => live?.stop())

    test('that are dead, or not there yet, keep no other from being checked, before anything is applied', async () => {
      const cli = cliAt(gateway.url, 'checked')
      await cli(`server add live --at ${live.url}`)
      await cli('server scan live')
      expect((await cli('server tools live')).out).toMatch(/^tool +class .*\nlive__find +unknown /)
      await cli('server add dead --at http://127.0.0.1:9/mcp')
      cli.requests.length = 0
      const there = {
        't/servers/live.yaml': `url: ${live.url}\n`,
        't/servers/dead.yaml': 'url: http://127.0.0.1:9/mcp\n',
        't/servers/soon.yaml': 'url: http://127.0.0.1:9/soon\n',
        't/policies/p.yaml':
          'version: "1"\nhide: [live__fnid, dead__a, soon__b]\ntools:\n  live__find: { require: [{ path: args.qeury, op: exists, value: true }] }\n  gone__c: {}\n  bare: {}\n',
      }
      const planned = await cli('apply t --plan', there)
      expect(planned.code).toBe(2)
      expect(planned.err.trimEnd().split('\n')).toEqual([
        't/policies/p.yaml:2:8 warning: /hide/0: found the tool "live__fnid", which no server has; allowed: a tool that is known; did you mean "live__find"?',
        't/policies/p.yaml:4:27 warning: /tools/live__find/require/0: found args.qeury, but the tool has no argument "qeury" there; allowed: query; did you mean "query"?',
        't/policies/p.yaml:5:3 warning: /tools/gone__c: found the tool "gone__c" of the server "gone", which is not there; allowed: a server that is there (dead, live, soon)',
        't/policies/p.yaml: warning: The tools of dead, soon are not known yet, so these names were not checked: bare.',
        't/policies/p.yaml: warning: The tools of dead are not known yet, so these names were not checked: dead__a.',
        't/policies/p.yaml: warning: The tools of soon are not known yet, so these names were not checked: soon__b.',
      ])
      expect(planLines(planned.out)).toEqual(['  create server soon', '  create policy p'])
      expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
      // Applying gives the same warnings, once, and what came of asking the new server; a policy that is there gives none.
      const applied = await cli('apply t --yes', there)
      const scanned = 'warning: The server "soon" could not be reached'
      expect(applied.code).toBe(0)
      expect(applied.err.startsWith(`${planned.err.split('gatehouse apply:')[0]}${scanned}`)).toBe(true)
      expect(applied.err.trimEnd().split('\n')).toHaveLength(7)
      expect(await cli('apply t', there)).toEqual(NOTHING)
      expect(await cli('policy validate t/policies/p.yaml --gateway', there)).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^t\/policies\/p\.yaml: OK, hosted dialect\n(.*warning: .*\n){6}$/),
      })
    })

    test('and webhooks are where the gateway lets them be', async () => {
      const strict = await startBare({ DEMO: 'true' })
      try {
        const cli = cliAt(strict.url, 'strict')
        const there = {
          't/servers/a.yaml': `url: ${live.url}\n`,
          't/servers/b.yaml': 'url: https://169.254.169.254/latest\n',
          't/grants/g.yaml': 'owner: nobody\n',
          't/webhooks/w.yaml': 'url: https://localhost/hook?key=x\n',
          't/tenant.yaml':
            'identity: { magento: [{ name: main, base_url: "http://10.0.0.1/shop", customer: true }] }\n',
        }
        const refused = await cli('apply t --yes', there)
        expect([refused.code, refused.out]).toEqual([1, ''])
        const lines = refused.err.trimEnd().split('\n')
        // At once with what needs no gateway to be known.
        expect(lines.map((line) => line.replace(/: found .*/, ''))).toEqual([
          't/grants/g.yaml',
          't/tenant.yaml: /identity/magento/0/base_url',
          't/servers/a.yaml: /url',
          't/servers/b.yaml: /url',
          't/webhooks/w.yaml: /url',
        ])
        expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
        // The gateway is asked of origins alone: the rest of a URL may be a key.
        expect(cli.requests.some(({ url }) => url.includes('key'))).toBe(false)
        expect((await cli('tenant show strict')).code).toBe(1)
      } finally {
        await strict.stop()
      }
    })
  })

  test('two at once come to what one comes to, and no token is lost', async () => {
    const there = folderOf('twice')
    await tenantWithSecret('twice')
    const one = cliAt(gateway.url, 'twice')
    const two = cliAt(gateway.url, 'twice')
    // Both have planned before either changes anything.
    const waiting: (() => void)[] = []
    const send = async (request: HttpRequest) => {
      if (request.method === 'PUT' && waiting.length < 2) {
        const both = new Promise<void>((resolve) => waiting.push(resolve))
        if (waiting.length === 2) for (const go of waiting) go()
        await both
      }
      return sendRequest(request)
    }
    const runs = await Promise.all([one, two].map((cli) => cli('apply t --yes', there, { send })))
    for (const { code, err } of runs) {
      expect([0, 1]).toContain(code)
      if (code === 1) expect(err).toMatch(/ 412 [\s\S]*the same command again makes the others\n$/)
    }
    const last = await one('apply t --yes', there)
    expect(last.code).toBe(0)
    expect(await one('apply t', there)).toEqual(NOTHING)
    expect(Object.keys(there).filter((name) => name.includes('.gatehouse'))).toEqual([])
    const printed = [...runs, last].map(({ out }) => out).join('')
    const said = (what: string) =>
      new Set([...printed.matchAll(new RegExp(`^${what}: (\\S+)$`, 'gm'))].map(([, it]) => it))
    expect([said('token of bot').size, said('secret of oncall').size]).toEqual([1, 1])
    expect(printed + runs.map(({ err }) => err).join('')).not.toContain('cannot be had again')
  })

  describe('exit codes of the program itself', () => {
    let folder = ''
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'gatehouse-codes-'))
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    function layOut(what: Readonly<Record<string, string>>): string {
      rmSync(join(folder, 't'), { recursive: true, force: true })
      for (const [name, text] of Object.entries(what)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
      return join(folder, 't')
    }

    async function program(words: readonly string[], more: Readonly<Record<string, string>> = {}) {
      const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'apply', ...words], {
        env: {
          ...process.env,
          GATEHOUSE_URL: gateway.url,
          GATEHOUSE_TOKEN: ROOT_TOKEN,
          GATEHOUSE_TENANT: 'codes',
          ...more,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (it) => (output += String(it)))
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
      return { code, output }
    }

    test('0 nothing to do or all done, 2 changes, 1 problems', async () => {
      await tenantWithSecret('codes')
      const dir = layOut(folderOf('codes'))
      for (const words of [[dir], [dir, '--plan', '--json']])
        expect((await program(words)).code, words.join(' ')).toBe(2)
      expect((await program([dir, '--yes'])).code).toBe(0)
      expect(await program([dir])).toEqual({ code: 0, output: 'nothing to do\n' })
      layOut(folderOf('codes', { 't/people/bob.yaml': 'role: admin\n', 't/odd.txt': '' }))
      expect((await program([dir, '--yes'])).code).toBe(0)
      const { code, output } = await program([dir])
      expect({ code, output }).toEqual({
        code: 0,
        output:
          'warning: ' +
          `${dir}: found "odd.txt", which is left alone; allowed: tenant.yaml, people, secrets, servers, policies, grants, webhooks\nnothing to do\n`,
      })
      layOut(folderOf('codes', { 't/people/bob.yaml': 'role: nobody\n' }))
      expect((await program([dir])).code).toBe(1)
    }, 300_000)

    test('1 wherever there is no answer, for 2 would pass for changes', async () => {
      const dead = createServer()
      await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`
      await new Promise((resolve) => dead.close(resolve))
      const cli = cliAt(gateway.url, 'codes')
      const cases: [string, string, Readonly<Record<string, string>>][] = [
        ['no gateway', 't', { GATEHOUSE_URL: url }],
        ['no URL', 't', { GATEHOUSE_URL: '' }],
        ['no token', 't', { GATEHOUSE_TOKEN: '' }],
        ['a token that opens nothing', 't', { GATEHOUSE_TOKEN: 'gh_root_something-else-altogether' }],
        ['no such folder', 'gone', {}],
        ['a file in its place', 't/tenant.yaml', {}],
        ['an unknown option', 't --dry', {}],
        ['no folder', '', {}],
        ['two that exclude each other', 't --plan --yes', {}],
      ]
      for (const [what, words, variables] of cases) {
        const { code, out, err } = await cli(`apply ${words}`, folderOf('codes'), { variables })
        expect({ code, out }, what).toEqual({ code: 1, out: '' })
        expect(err, what).not.toBe('')
      }
      const { code, output } = await program([join(folder, 'gone')])
      expect({ code, output }).toEqual({
        code: 1,
        output: `${join(folder, 'gone')}: cannot be read: no such folder\n`,
      })
      expect((await program([layOut(folderOf('codes')), '--dry'])).code).toBe(1)
    })

    test('what it writes down while it makes something is for its user alone', async () => {
      await tenantWithSecret('private')
      const dir = layOut(folderOf('private'))
      const modes: number[] = []
      // The gateway is reached through something that looks into the folder while a grant is being made.
      const proxy = createServer((incoming, outgoing) => {
        void (async () => {
          const own = join(dir, '.gatehouse')
          if (existsSync(own))
            for (const name of readdirSync(own)) modes.push(statSync(join(own, name)).mode & 0o777)
          const chunks: Buffer[] = []
          for await (const chunk of incoming) chunks.push(chunk as Buffer)
          const { host, connection, ...headers } = incoming.headers
          const answer = await fetch(`${gateway.url}${incoming.url}`, {
            method: incoming.method ?? 'GET',
            headers: headers as Record<string, string>,
            ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
          })
          const etag = answer.headers.get('etag')
          outgoing.writeHead(answer.status, { ...(etag === null ? {} : { etag }) })
          outgoing.end(Buffer.from(await answer.arrayBuffer()))
        })().catch(() => outgoing.destroy())
      })
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
      const { code, output } = await program([dir, '--yes'], {
        GATEHOUSE_URL: url,
        GATEHOUSE_TENANT: 'private',
      })
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
      expect(code, output).toBe(0)
      expect(modes.length).toBeGreaterThan(1)
      expect(new Set(modes)).toEqual(new Set([0o600]))
      // Nor is the folder of what was written down left behind.
      expect(existsSync(join(dir, '.gatehouse'))).toBe(false)
    })
  })
})
