/** A tenant as files: what it says, how often it is said, and what becomes of it when the program is killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { builtCli } from '../support/node/built-cli.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'
import { until } from '../support/node/until.ts'

const KEY = 'value-of-a-header-never-to-be-seen'

/** A tenant with one of everything. */
const files = {
  't/tenant.yaml': 'identity: { trusted: true }\n',
  't/servers/crm.yaml': `url: http://127.0.0.1:9/mcp\nheaders: { X-Api-Key: "\${CRM_KEY}" }\n`,
  't/servers/erp.json': '{"url": "http://127.0.0.1:9/erp", "enabled": false}',
  't/policies/readers.yaml': 'version: "1"\ndefault: allow\nhide: [crm__delete]\n',
  't/policies/readers.test.yaml': 'policy: readers.yaml\ncases: []\n',
  't/policies/nobody.json': '{"version": "1"}',
  't/grants/bot.yaml': 'label: Support bot\npolicy: readers\nservers: [session, crm]\n',
  't/grants/ops.yaml': 'policy: readers\nexpires_at: 2099-01-01T00:00:00+01:00\n',
  't/README.md': 'what this is',
}
const more = {
  't/servers/wms.yaml': 'url: http://127.0.0.1:9/wms\n',
  't/grants/late.yaml': 'policy: nobody\nowner: ana\n',
  't/people/ana.yaml': 'role: admin\nemail: Ana@acme.example\naccounts: [b, a]\n',
  't/webhooks/oncall.yaml': 'url: http://127.0.0.1:9/hook\nevents: [tool.drift, approval.pending]\n',
}
/** What the folder's policy says of a server that does not answer. */
const UNCHECKED =
  't/policies/readers.yaml: warning: The tools of crm are not known yet, so these names were not checked: crm__delete.\n'
const variables = { CRM_KEY: KEY }
const DEMO = { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }
/** When the gateway is killed, in milliseconds after it was sent a change: by turns. */
const KILL_AFTER_MS = [0, 1, 2, 4, 8]

describe.skipIf(bareWorkerdMissing !== null)(`apply ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let folder = ''

  beforeAll(async () => {
    gateway = await startBare(DEMO)
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-apply-'))
  })
  afterAll(async () => {
    await gateway?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Everything that was applied, without what is of its own time. */
  async function stateOf(cli: CliAt) {
    const items = async (line: string) => {
      const { items: all } = (await cli.json(line)).data as { items: Record<string, unknown>[] }
      return all.map(
        ({ created_at, updated_at, last_used_at, status, version, created_by, reason, ...rest }) => rest,
      )
    }
    const policies = (await items('policy list')) as { name: string }[]
    const texts = await Promise.all(policies.map(async ({ name }) => (await cli(`policy show ${name}`)).out))
    const { identity, sessions } = (await cli.json('tenant show')).data
    return {
      identity,
      sessions,
      servers: await items('server list'),
      policies,
      texts,
      grants: await items('grant list'),
      people: await items('person list'),
      webhooks: await items('webhook list'),
    }
  }

  test('everything is made, shown before, and a second run has nothing to do', async () => {
    const cli = cliAt(gateway.url, 'first')
    const planned = await cli('apply t', { ...files }, { variables })
    const plan = [
      'tenant first',
      '  create tenant first',
      '  create server crm',
      '  create server erp',
      '  create policy nobody',
      '  create policy readers',
      '  create grant bot',
      '  create grant ops',
      '',
    ].join('\n')
    expect(planned).toEqual({
      code: 2,
      out: plan,
      err: `${UNCHECKED}gatehouse apply: nothing was done; with --yes it is\n`,
    })
    expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)

    const there = { ...files }
    const made = await cli('apply t --yes --reason first', there, { variables })
    expect(made.code).toBe(0)
    expect(made.out.startsWith(plan)).toBe(true)
    expect(made.out).toMatch(/\ncreated grant bot\ntoken of bot: gh_first_bot_\S+\ncreated grant ops\n/)
    expect(made.out + made.err).not.toContain(KEY)
    expect(Object.keys(there).toSorted()).toEqual(Object.keys(files).toSorted())
    expect(await cli('apply t', there, { variables })).toEqual({ code: 0, out: 'nothing to do\n', err: '' })
    expect(await cli('apply t --prune --yes', there, { variables })).toMatchObject({ out: 'nothing to do\n' })
    expect(await cli.json('apply t --headers', { ...files })).toMatchObject({ code: 1 })
    const again = await cli('apply t --headers', there, { variables })
    expect(again.out).toContain('\n  change server crm: header values\n')
  })

  test('what differs is changed, and what is gone goes last, and only with --prune', async () => {
    const cli = cliAt(gateway.url, 'second')
    await cli('apply t --yes', { ...files, ...more }, { variables })
    const { 't/servers/erp.json': _, 't/policies/nobody.json': __, ...rest } = files
    const changed = {
      ...rest,
      't/tenant.yaml': 'sessions: { idle_seconds: 60 }\n',
      't/servers/crm.yaml': `url: http://127.0.0.1:9/mcp\non_drift: hide\nheaders: { X-Api-Key: "\${CRM_KEY}" }\n`,
      't/policies/readers.yaml': 'version: "1"\ndefault: allow\n',
      't/grants/bot.yaml': 'label: Support bot\npolicy: readers\nservers: "*"\n',
    }
    const kept = await cli('apply t', changed, { variables })
    expect(kept.out.split('\n').filter((line) => /^ {2}\w/.test(line))).toEqual([
      '  change tenant second: identity, sessions',
      '  change server crm: on_drift',
      '  change policy readers',
      '  change grant bot: servers',
    ])
    expect(kept.out).toMatch(
      /\n {6}tool +what +@readers +t\/policies\/readers\.yaml\n {6}crm__delete +listed +no +yes\n/,
    )
    const { code, data } = await cli.json('apply t --prune --yes', { ...changed })
    expect({ code, data }).toMatchObject({
      code: 1,
      data: { problems: [expect.stringContaining('CRM_KEY')] },
    })
    const pruned = await cli('apply t --prune --yes', changed, { variables })
    expect(pruned.out.split('\n').filter((line) => line.startsWith('deleted'))).toEqual([
      'deleted grant late',
      'deleted policy nobody',
      'deleted server erp',
      'deleted server wms',
    ])
    expect((await cli('apply t --prune', changed, { variables })).out).toBe('nothing to do\n')
    // Of what there is no folder for, nothing is said.
    expect((await cli('apply t --prune', { 't/tenant.yaml': changed['t/tenant.yaml'] })).out).toBe(
      'nothing to do\n',
    )
  })

  test('all that is wrong is said before anything is touched', async () => {
    const cli = cliAt(gateway.url, 'third')
    await cli('tenant create third')
    cli.requests.length = 0
    const wrong = {
      't/tenant.yaml': 'identity: { trustd: true }',
      't/servers/Crm.yaml': 'url: http://127.0.0.1:9/mcp',
      't/servers/a.yaml': `url: nowhere\nheaders: { X-Key: "\${UNSET}" }`,
      't/policies/p.yaml': 'version: "1"\nhidden: [x]',
      't/grants/g.yaml': 'servers: all',
      't/grants/g.json': '{}',
      't/grants/x.txt': '',
      't/server/crm.yaml': '',
    }
    const refused = await cli('apply t --yes', wrong)
    expect(refused.err.trimEnd().split('\n')).toEqual([
      'warning: t: found "server", which is left alone; allowed: tenant.yaml, people, secrets, servers, policies, grants, webhooks; did you mean "servers"?',
      'warning: t/grants/x.txt: found another kind of file, which is left alone; allowed: *.yaml, *.yml, *.json',
      't/grants/g.yaml: found g again; allowed: one file each',
      expect.stringMatching(
        /^t\/tenant\.yaml:1:13 \/identity\/trustd: found the unknown name "trustd"; allowed: .*"trusted"\?$/,
      ),
      expect.stringMatching(/^t\/servers\/Crm\.yaml: found the name "Crm"; allowed: /),
      expect.stringMatching(/^t\/servers\/a\.yaml: \/headers\/X-Key: found \$\{UNSET\}; allowed: /),
      't/servers/a.yaml: /url: found text that is no absolute URL; allowed: an http or https URL',
      expect.stringMatching(/^t\/policies\/p\.yaml:2:1 \/hidden: found the unknown name "hidden"; /),
    ])
    expect(refused.code).toBe(1)
    expect(cli.requests).toEqual([])
    const unmet = {
      't/servers/a.yaml':
        'url: http://127.0.0.1:9/a\nheaders: { Authorization: { secret: crm, prefix: "Bearer " } }',
      't/grants/g.yaml': 'policy: nowhere\nservers: [a, b]',
    }
    expect((await cli('apply t --yes', unmet)).err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^t\/servers\/a\.yaml: .*found the secret "crm", which the tenant does not have; allowed: none yet/,
      ),
      't/grants/g.yaml: found the policy "nowhere"; allowed: none: there is none',
      't/grants/g.yaml: found the server "b"; allowed: session, legiti, a',
    ])
    expect(cli.requests.every(({ method }) => method === 'GET')).toBe(true)
  })

  test('headers of secrets are compared, and need no value here', async () => {
    const cli = cliAt(gateway.url, 'secrets')
    await cli('tenant create secrets')
    await cli('secret set crm --from - --origins http://127.0.0.1:9', { '-': KEY })
    const there = {
      't/servers/a.yaml':
        'url: http://127.0.0.1:9/a\nheaders: { Authorization: { secret: crm, prefix: "Bearer " } }',
    }
    expect((await cli('apply t --yes', there)).code).toBe(0)
    expect((await cli('apply t', there)).out).toBe('nothing to do\n')
    const other = {
      't/servers/a.yaml': 'url: http://127.0.0.1:9/a\nheaders: { Authorization: { secret: crm } }',
    }
    expect((await cli('apply t', other)).out).toContain('change server a: headers')
    const elsewhere = {
      't/servers/a.yaml': 'url: http://127.0.0.1:10/a\nheaders: { Authorization: { secret: crm } }',
    }
    expect((await cli('apply t --yes', elsewhere)).err).toContain(
      'found the secret "crm", which is not for http://127.0.0.1:10; allowed: one of this origin',
    )
  })

  test('a tenant that is suspended is said to be, also where there is nothing to do', async () => {
    const cli = cliAt(gateway.url, 'paused')
    const there = { 't/policies/nobody.yaml': 'version: "1"\n' }
    await cli('apply t --yes', there)
    await cli('tenant suspend paused')
    const says =
      /^warning: The tenant paused is suspended: its agents are refused until .* Since 20\S+; gatehouse tenant resume paused ends it\.\n$/
    const nothing = await cli('apply t', there)
    expect([nothing.code, nothing.out, nothing.err]).toEqual([
      0,
      'nothing to do\n',
      expect.stringMatching(says),
    ])
    const more = { ...there, 't/grants/bot.yaml': 'policy: nobody\nservers: []\n' }
    const { data } = await cli.json('apply t --yes', more)
    expect(data.warnings).toEqual([
      expect.stringContaining('is suspended'),
      'warning: grant bot: The grant reaches no server.',
    ])
    await cli('tenant resume paused')
    expect((await cli('apply t', more)).err).toBe('')
  })

  test('a change by somebody else stops it, and the next run goes on', async () => {
    const cli = cliAt(gateway.url, 'fourth')
    const there: Record<string, string> = { ...files }
    await cli('apply t --yes', there, { variables })
    there['t/grants/bot.yaml'] = 'label: Bot\npolicy: readers\n'
    there['t/grants/ops.yaml'] = 'policy: nobody\nexpires_at: 2099-01-01T00:00:00+01:00\n'
    const { sendRequest } = await import('../../src/cli/kit/io.ts')
    const other = cliAt(gateway.url, 'fourth')
    const stopped = await cli('apply t --yes', there, {
      variables,
      send: async (request) => {
        if (request.method === 'PUT' && request.url.includes('/ops'))
          await other('grant set ops --label theirs')
        return sendRequest(request)
      },
    })
    expect(stopped.code).toBe(1)
    expect(stopped.out).toMatch(/changed grant bot\n$/)
    expect(stopped.err).toMatch(
      /^gatehouse apply: 412 .*\n1 of 2 changes were made; the same command again makes the others\n$/,
    )
    const next = await cli('apply t --yes', there, { variables })
    expect(next.out).toMatch(/ {2}change grant ops: label, policy\nchanged grant ops\n$/)
  })

  describe('killed', () => {
    /** Stands between the program and a gateway. */
    interface Proxy {
      readonly url: string
      /** Called with each request; false: it goes no further. */
      before: (method: string) => Promise<boolean>
      /** Called with each request that is on its way to the gateway. */
      during: () => Promise<void>
      /** Called with each request that has been answered; its answer goes on once this is over. */
      after: () => Promise<void>
      count: number
      readonly gateway: BareGateway
    }
    const undisturbing: Pick<Proxy, 'before' | 'during' | 'after'> = {
      before: async () => true,
      during: async () => {},
      after: async () => {},
    }
    const servers: Server[] = []
    let other: BareGateway

    beforeAll(async () => {
      other = await startBare(DEMO)
    })
    afterAll(async () => {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
      await other?.stop()
    })

    async function startProxy(to: BareGateway): Promise<Proxy> {
      const server = createServer((incoming, outgoing) => {
        void (async () => {
          const chunks: Buffer[] = []
          for await (const chunk of incoming) chunks.push(chunk as Buffer)
          if (!(await proxy.before(incoming.method ?? ''))) return
          const { host, connection, ...headers } = incoming.headers
          const answering = fetch(`${to.url}${incoming.url}`, {
            method: incoming.method ?? 'GET',
            headers: headers as Record<string, string>,
            ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
          }).then(async (answer) => ({ answer, body: Buffer.from(await answer.arrayBuffer()) }))
          const [{ answer, body }] = await Promise.all([answering, proxy.during()])
          proxy.count += 1
          await proxy.after()
          const etag = answer.headers.get('etag')
          outgoing.writeHead(answer.status, {
            'content-type': answer.headers.get('content-type') ?? '',
            ...(etag === null ? {} : { etag }),
          })
          outgoing.end(body)
        })().catch(() => outgoing.destroy())
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      servers.push(server)
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const proxy: Proxy = { url, ...undisturbing, count: 0, gateway: to }
      return proxy
    }

    interface Kill {
      /** Once so many requests were answered, before it hears of the last. */
      readonly after?: number
      /** As its so manieth change is on its way, which then never arrives. */
      readonly before?: number
      /** When it has printed this, and may not have written down that it did. */
      readonly printed?: string
      /** Not the program, but the gateway: so long after its so manieth change was sent there. */
      readonly gateway?: { readonly change: number; readonly ms: number }
    }

    /** Runs the program itself, and kills it, or the gateway, which then runs again. */
    async function run(proxy: Proxy, tenant: string, dir: string, kill: Kill = {}) {
      const child: ChildProcess = spawn(
        process.execPath,
        [await builtCli(), 'apply', dir, '--prune', '--yes'],
        {
          env: {
            ...process.env,
            ...variables,
            GATEHOUSE_URL: proxy.url,
            GATEHOUSE_TOKEN: ROOT_TOKEN,
            GATEHOUSE_TENANT: tenant,
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (it) => {
          output += String(it)
          if (kill.printed !== undefined && output.includes(kill.printed)) child.kill('SIGKILL')
        })
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
      proxy.count = 0
      let changes = 0
      let reads = 0
      proxy.before = async (method) => {
        if (method === 'GET' && changes === 0) reads += 1
        if (method === 'GET' || ++changes !== kill.before) return true
        child.kill('SIGKILL')
        await ended
        return false
      }
      let isDown = false
      proxy.during = async () => {
        if (isDown || changes !== kill.gateway?.change) return
        isDown = true
        await wait(kill.gateway.ms)
        await proxy.gateway.kill9()
      }
      proxy.after = async () => {
        if (proxy.count !== kill.after) return
        child.kill('SIGKILL')
        await ended
      }
      const code = await ended
      if (isDown) await proxy.gateway.start()
      return { code, output, requests: proxy.count, reads, changes }
    }

    function layOut(dir: string, what: Readonly<Record<string, string>>): void {
      rmSync(join(dir, 't'), { recursive: true, force: true })
      for (const [name, text] of Object.entries(what)) {
        mkdirSync(dirname(join(dir, name)), { recursive: true })
        writeFileSync(join(dir, name), text)
      }
    }

    /** What stands in a folder now. */
    function filesIn(dir: string): Record<string, string> {
      const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
      const paths = files.map(({ parentPath, name }) => join(parentPath, name))
      return Object.fromEntries(paths.map((path) => [relative(dir, path), readFileSync(path, 'utf8')]))
    }

    /** A tenant that is what `before` says is to be what `after` says, of which `grants` and `webhooks` are new. */
    async function survives(
      phase: string,
      before: Readonly<Record<string, string>> | null,
      after: Readonly<Record<string, string>>,
      grants: readonly string[],
      webhooks: readonly string[],
    ) {
      const prepared = async (proxy: Proxy, tenant: string) => {
        const cli = cliAt(proxy.gateway.url, tenant)
        if (before !== null)
          expect((await cli('apply t --yes', { ...before }, { variables })).code, tenant).toBe(0)
        const own = join(folder, tenant)
        layOut(own, after)
        return { cli, own }
      }
      const stateIn = async (cli: CliAt, tenant: string) =>
        JSON.stringify(await stateOf(cli)).replaceAll(tenant, 'TENANT')
      const first = await startProxy(gateway)
      const { cli: undisturbed, own: all } = await prepared(first, phase)
      const whole = await run(first, phase, join(all, 't'))
      expect(whole).toMatchObject({ code: 0 })
      const expected = await stateIn(undisturbed, phase)
      // Reading leaves nothing behind, so once is enough that it is killed after every single read.
      const firstChange = before === null ? 0 : whole.reads
      const ofProgram: readonly Kill[] = [
        ...Array.from({ length: whole.requests - firstChange }, (_, i) => ({ after: firstChange + i + 1 })),
        ...Array.from({ length: whole.changes }, (_, i) => ({ before: i + 1 })),
        ...grants.map((grant) => ({ printed: `token of ${grant}: ` })),
        ...webhooks.map((webhook) => ({ printed: `secret of ${webhook}: ` })),
      ]
      const ofGateway: readonly Kill[] = Array.from({ length: whole.changes }, (_, i) => ({
        gateway: { change: i + 1, ms: KILL_AFTER_MS[i % KILL_AFTER_MS.length] ?? 0 },
      }))
      expect(ofProgram.length + ofGateway.length).toBeGreaterThan(12)
      // Killed programs run side by side, for most of the time they wait; a gateway that is killed has no other users.
      const queue = ofProgram.entries()
      const inTurn = async (proxy: Proxy, kills: Iterable<[number, Kill]>, name: string) => {
        for (const [i, kill] of kills) await survivesOne(proxy, `${phase}-${name}-${i}`, kill)
      }
      await Promise.all([
        ...[first, await startProxy(gateway), await startProxy(gateway)].map((it) => inTurn(it, queue, 'p')),
        inTurn(await startProxy(other), ofGateway.entries(), 'g'),
      ])

      async function survivesOne(proxy: Proxy, tenant: string, kill: Kill) {
        const what = `${phase} ${JSON.stringify(kill)}`
        const { cli, own } = await prepared(proxy, tenant)
        const first = await run(proxy, tenant, join(own, 't'), kill)
        // The program notices that the gateway is gone, if it still needs it; and may be faster than its end.
        if (kill.printed !== undefined) expect([null, 0], what).toContain(first.code)
        // It asks again until every grant is told, and the sooner they are, the fewer requests there are.
        else if (kill.after !== undefined && first.requests < kill.after) expect(first.code, what).toBe(0)
        else if (kill.gateway === undefined) expect(first.code, what).toBeNull()
        else expect(first.code, what).not.toBeNull()
        // The next run needs no process of its own, for nobody kills it. It asks at the same address, for which things were begun.
        const there = filesIn(own)
        Object.assign(proxy, undisturbing)
        const second = await cliAt(proxy.url, tenant)('apply t --prune --yes', there, {
          variables,
          nowMs: Date.now(),
        })
        expect(second.code, `${what}: ${second.out}${second.err}`).toBe(0)
        // What a gateway that was killed had not told a principal yet is told by alarm.
        let state = ''
        const isTold = async () => {
          state = await stateIn(cli, tenant)
          return !state.includes('"pending":1')
        }
        await until('every grant is told', isTold, 30_000)
        expect(state, what).toBe(expected)
        const printed = first.output + second.out + second.err
        for (const grant of grants) {
          const token = new RegExp(`token of ${grant}: (\\S+)`).exec(printed)?.[1]
          expect(await isOpen(proxy.gateway, token), `${grant}, ${what}: ${printed}`).toBe(true)
        }
        for (const webhook of webhooks) {
          const said = [...printed.matchAll(new RegExp(`secret of ${webhook}: (\\S+)`, 'g'))].map(
            ([, it]) => it,
          )
          expect(new Set(said).size, `${webhook}, ${what}: ${printed}`).toBe(1)
        }
        expect(printed, what).not.toContain('cannot be had again')
        expect(Object.keys(there).filter((name) => name.startsWith('t/.gatehouse/'))).toEqual([])
        for (const text of [...Object.values(filesIn(own)), ...Object.values(there)])
          expect(text).not.toContain(KEY)
        expect((await cli('apply t --prune', { ...after }, { variables })).out, what).toBe('nothing to do\n')
      }
    }

    test('while all is made, the next run comes to the same, and no token is lost', async () => {
      await survives('made', null, { ...files, ...more }, ['bot', 'ops', 'late'], ['oncall'])
    }, 600_000)

    test('while much is changed and deleted, it does so, too', async () => {
      const {
        't/servers/erp.json': _,
        't/policies/nobody.json': __,
        't/grants/ops.yaml': ___,
        ...rest
      } = files
      const after = {
        ...rest,
        't/tenant.yaml': 'sessions: { idle_seconds: 60 }\n',
        't/servers/crm.yaml': `${files['t/servers/crm.yaml']}on_drift: block\n`,
        't/policies/readers.yaml': 'version: "1"\n',
        't/grants/bot.yaml': 'policy: readers\n',
        't/grants/new.yaml': 'policy: readers\n',
        // The address goes from one to the other, and so does being an admin.
        't/people/anna.yaml': 'role: admin\nemail: ana@acme.example\n',
        't/webhooks/oncall.yaml': 'url: http://127.0.0.1:9/hook\nevents: [tool.drift]\nenabled: false\n',
        't/webhooks/other.yaml': 'url: http://127.0.0.1:9/other\nevents: [tool.drift]\n',
      }
      await survives('changed', { ...files, ...more }, after, ['new'], ['other'])
    }, 600_000)

    async function isOpen(at: BareGateway, token: string | undefined): Promise<boolean> {
      const { status } = await fetch(`${at.url}/mcp`, {
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
  })
})
