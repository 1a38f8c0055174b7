/** The checks of a folder against a tenant, before the first change, on plain data. */
import { describe, expect, test } from 'vitest'
import { placeProblems } from '../../src/cli/apply/addresses.ts'
import { planProblems } from '../../src/cli/apply/checks.ts'
import type { CurrentDocuments, CurrentState } from '../../src/cli/apply/current-state.ts'
import { openJournal } from '../../src/cli/apply/journal.ts'
import { peopleSteps } from '../../src/cli/apply/people-steps.ts'
import { readWanted } from '../../src/cli/apply/read-wanted.ts'
import { roleProblems } from '../../src/cli/apply/roles.ts'
import type { Step } from '../../src/cli/apply/step.ts'
import type { Api, Json } from '../../src/cli/gateway/api.ts'
import { type Files, worldOf } from '../support/node/cli.ts'

const NOW_MS = Date.parse('2030-01-01T12:00:00Z')

async function read(files: Files, tenant = 'acme') {
  const world = worldOf({ 't/x.md': '', ...files })
  return readWanted('t', (await world.list('t')) ?? [], tenant, world)
}

async function wantedOf(files: Files) {
  const { wanted, problems } = await read(files)
  if (wanted === null) throw new Error(problems.join('\n'))
  return wanted
}

const things = (all: Readonly<Record<string, Json>>): CurrentDocuments =>
  new Map(Object.entries(all).map(([name, it]) => [name, { name, ...it }]))

function current(more: Partial<CurrentState> = {}): CurrentState {
  const none = new Map()
  return {
    caller: { name: null, role: 'root' },
    deployment: { encryption_keys: true, audit_database: true },
    tenant: { tag: null, body: { deletion: null } },
    ...{ people: none, secrets: none, servers: none, policies: none, grants: none, webhooks: none },
    ...more,
  }
}

async function problems(files: Files, more: Partial<CurrentState> = {}, prune = false) {
  return planProblems(await wantedOf(files), current(more), prune, NOW_MS)
}

const person = (role: string, email: string | null = null, accounts: readonly string[] = []) => ({
  role,
  email,
  accounts,
})
const grant = (more: Json = {}) => ({
  label: 'g',
  policy: null,
  servers: '*',
  owner: null,
  sessions: 'auto',
  expires_at: null,
  built_in: false,
  ...more,
})

describe('files', () => {
  test('that are not understood are warned of by name, with what is allowed', async () => {
    const { problems, warnings } = await read({
      't/sercets/a.yaml': '',
      't/Makefile': '',
      't/people.yaml': '',
      't/tennant.yaml': '',
      't/people/ana.yaml': 'role: admin',
      't/people/bob.YAML': 'role: admin',
      't/people/eu/carl.yaml': 'role: admin',
      't/people/.swp': '',
      't/people/notes.md': '',
    })
    expect(problems).toEqual([])
    const allowed = 'allowed: tenant.yaml, people, secrets, servers, policies, grants, webhooks'
    expect(warnings).toEqual([
      `t: found "Makefile", which is left alone; ${allowed}`,
      `t: found "people.yaml", which is left alone; ${allowed}; did you mean "people"?`,
      `t: found "sercets", which is left alone; ${allowed}; did you mean "secrets"?`,
      `t: found "tennant.yaml", which is left alone; ${allowed}; did you mean "tenant.yaml"?`,
      't/people/bob.YAML: found another kind of file, which is left alone; allowed: *.yaml, *.yml, *.json',
      't/people/eu: found another kind of file, which is left alone; allowed: *.yaml, *.yml, *.json',
    ])
  })

  test.each<[string, string, string]>([
    ['people/ana.yaml', 'role: owner', '/role: found "owner"; allowed: "viewer", '],
    [
      'people/ana.yaml',
      'role: admin\nemail: ana',
      '/email: found "ana"; allowed: an e-mail address, or null',
    ],
    ['people/Ana.yaml', 'role: admin', 'found the name "Ana"; allowed: 1 to 63 of a-z, 0-9 and -'],
    ['webhooks/w.yaml', 'url: https://h.example/\nevents: [tool.drfit]', 'did you mean "tool.drift"?'],
    [
      'webhooks/w.yaml',
      'url: ftp://h.example/',
      '/url: found the scheme "ftp:"; allowed: an https URL, or http',
    ],
    ['webhooks/w.yaml', 'url: nowhere', '/url: found what is no URL; allowed: '],
    [
      'webhooks/w.yaml',
      'url: https://h.example/\nsecret: whsec_x',
      'found the unknown name "secret"; allowed: ',
    ],
    ['secrets/s.yaml', 'origin: [https://a.example]', 'found the unknown name "origin"; allowed: origins'],
    ['secrets/s.yaml', 'origins: [https://a.example/path]', '/origins/0: found something that is no origin'],
    ['grants/g.yaml', 'sessions: all', '/sessions: found "all"; allowed: "auto", "one", "many"'],
    ['tenant.yaml', 'tenant: ACME', '/tenant: found "ACME"; allowed: the name of the tenant'],
    ['tenant.yaml', 'tenant: 5', '/tenant: found no name; allowed: '],
  ])('%s: %s', async (file, text, words) => {
    const { problems } = await read({ [`t/${file}`]: text })
    expect(problems).toEqual([expect.stringContaining(words)])
    expect(problems[0]).toMatch(new RegExp(`^t/${file}(:\\d+:\\d+)?:? `))
  })

  test.each([
    'value: never-in-a-file',
    'origins: [https://a.example]\nvalue: never-in-a-file',
    'never-in-a-file',
  ])('a value of a secret is refused, and not quoted: %s', async (text) => {
    const { problems } = await read({ 't/secrets/s.yaml': text })
    expect(problems).toEqual([expect.stringContaining('gatehouse secret set s --from -')])
    expect(problems.join()).not.toContain('never-in-a-file')
  })

  test('of another tenant are refused for that alone', async () => {
    const wrong = { 't/people/ana.yaml': 'role: owner', 't/grants/x.txt': '' }
    for (const name of ['tenant.yaml', 'tenant.yml', 'tenant.json']) {
      const files = { ...wrong, [`t/${name}`]: '{"tenant": "other", "sesions": {}}' }
      expect(await read(files)).toMatchObject({
        wanted: null,
        problems: [expect.stringContaining(`t/${name}: /tenant: found "other"; allowed: "acme"`)],
      })
      expect((await read(files, 'other')).problems.join('\n')).toContain('sesions')
    }
  })

  test('that name their tenant alone say nothing of settings', async () => {
    expect((await wantedOf({ 't/tenant.yaml': 'tenant: acme' })).tenant).toBeNull()
    expect(
      (await wantedOf({ 't/tenant.yaml': 'tenant: acme\naccess: null' })).tenant?.document,
    ).toMatchObject({
      identity: { trusted: false },
    })
    expect((await wantedOf({ 't/tenant.yaml': '{}' })).tenant).not.toBeNull()
  })
})

describe('references', () => {
  const bot = { 't/grants/bot.yaml': 'owner: bob\npolicy: p\nservers: [crm]' }
  const ok = { policies: things({ p: {} }), servers: things({ crm: {} }) }

  test('an owner is somebody of the folder, or of the tenant', async () => {
    expect(await problems(bot, { ...ok, people: things({ ana: person('admin') }) })).toEqual([
      't/grants/bot.yaml: found the owner "bob"; allowed: ana',
    ])
    expect(await problems(bot, ok)).toEqual([
      't/grants/bot.yaml: found the owner "bob"; allowed: none: there is none',
    ])
    expect(await problems(bot, { ...ok, people: things({ bob: person('admin') }) })).toEqual([])
    expect(await problems({ ...bot, 't/people/bob.yaml': 'role: viewer' }, ok)).toEqual([])
  })

  test('an owner who has left stays it, and is nobody’s anew', async () => {
    const left = { ...ok, grants: things({ bot: grant({ owner: 'bob' }) }) }
    expect(await problems(bot, left)).toEqual([])
    expect(await problems({ 't/grants/new.yaml': 'owner: bob' }, left)).toHaveLength(1)
  })

  test('whoever goes is nobody’s owner, and what goes is under nothing', async () => {
    const all = { ...ok, people: things({ ana: person('admin'), bob: person('viewer') }) }
    const files = { ...bot, 't/people/ana.yaml': 'role: admin', 't/policies/q.json': '{"version":"1"}' }
    expect(await problems(files, all)).toEqual([])
    expect(await problems(files, all, true)).toEqual([
      't/grants/bot.yaml: found the policy "p"; allowed: q',
      't/grants/bot.yaml: found the owner "bob"; allowed: ana',
    ])
  })

  test('a policy is not deleted under a grant that stays', async () => {
    const files = { 't/policies/q.json': '{"version":"1"}' }
    const all = { ...ok, grants: things({ bot: grant({ policy: 'p' }), built: grant({ built_in: true }) }) }
    expect(await problems(files, all)).toEqual([])
    expect(await problems(files, all, true)).toEqual([
      't/policies: --prune would delete p, and grants are under it (bot). Put them under another policy, or keep its file.',
    ])
    expect(await problems({ ...files, 't/grants/bot.yaml': 'policy: q' }, all, true)).toEqual([])
  })

  test('a grant does not expire before it is made', async () => {
    const files = { 't/grants/bot.yaml': 'label: g\nexpires_at: 2030-01-01T13:00:00+01:00' }
    expect(await problems(files)).toEqual([
      't/grants/bot.yaml: /expires_at: found a time that is past; allowed: a time to come, or null',
    ])
    const same = { grants: things({ bot: grant({ expires_at: '2030-01-01T12:00:00.000Z' }) }) }
    expect(await problems(files, same)).toEqual([])
  })

  test('the built-in grant stays what it is', async () => {
    const all = { grants: things({ agent: grant({ built_in: true }) }) }
    expect(await problems({ 't/grants/agent.yaml': 'policy: null\nlabel: g' }, all)).toEqual([])
    expect(await problems({ 't/grants/agent.yaml': 'label: other' }, all)).toEqual([
      't/grants/agent.yaml: found the built-in grant agent; allowed: a grant of another name',
    ])
  })

  test('a header that keeps its value needs one', async () => {
    const files = {
      't/servers/crm.yaml': 'url: https://crm.example/mcp\nheaders: { X-A: (set), x-b: (set) }',
    }
    const crm = { url: 'https://crm.example/', headers: { 'x-a': '(set)' } }
    expect(await problems(files, { servers: things({ crm }) })).toEqual([
      't/servers/crm.yaml: /headers/x-b: found (set); allowed: a value: none is stored to be kept',
    ])
    const moved = { ...crm, url: 'https://other.example/' }
    expect(await problems(files, { servers: things({ crm: moved }) })).toHaveLength(2)
  })

  test('there is room for all, while what goes is still there', async () => {
    const hooks = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`h${i}`, {}]))
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`t/webhooks/w${i}.yaml`, 'url: https://h.example/']),
    )
    expect(await problems(files, {})).toEqual([])
    expect(await problems(files, { webhooks: things(hooks) }, true)).toEqual([
      't/webhooks: found 60, with those of the tenant; allowed: at most 50',
    ])
  })

  test('what a stray file may mean is not deleted', async () => {
    const files = { 't/grants/bot.yaml.bak': '', 't/grants/ops.yaml': '' }
    const all = { grants: things({ bot: grant(), old: grant() }) }
    expect(await problems({ ...files, 't/grants/ops.yaml': '{}' }, all)).toEqual([])
    expect(await problems({ ...files, 't/grants/ops.yaml': '{}' }, all, true)).toEqual([
      't/grants/bot.yaml.bak: found a file that is not understood, while --prune would delete the grant bot; allowed: t/grants/bot.yaml, or a file of another name',
    ])
  })

  test('a tenant that is being deleted is left to go', async () => {
    const going = { tenant: { tag: null, body: { deletion: { state: 'deleting' } } } }
    expect(await problems({}, going)).toEqual([
      't: found a tenant that is being deleted; allowed: one that is there to stay',
    ])
  })
})

describe('secrets', () => {
  const crm = {
    't/servers/crm.yaml': 'url: https://crm.example/mcp\nheaders: { Authorization: { secret: crm } }',
  }
  const stored = (origins: readonly string[], servers: readonly string[] = []) =>
    things({ crm: { origins, servers } })

  test('that are not there are named with the command that makes them', async () => {
    const files = {
      ...crm,
      't/secrets/crm.yaml': '',
      't/secrets/erp.yaml': 'origins: [https://erp.example/]',
    }
    expect(await problems(files)).toEqual([
      't/secrets/crm.yaml: found no secret "crm" in the tenant; allowed: one that is there (gatehouse secret set crm --from - --origins https://crm.example)',
      't/secrets/erp.yaml: found no secret "erp" in the tenant; allowed: one that is there (gatehouse secret set erp --from - --origins https://erp.example)',
      't/servers/crm.yaml: /headers/authorization: found the secret "crm", which the tenant does not have; allowed: none yet (gatehouse secret set crm --from - --origins https://crm.example)',
    ])
    expect(await problems(crm, { secrets: stored(['https://crm.example']) })).toEqual([])
  })

  test('are for the origins that the folder says, in whatever order', async () => {
    const files = { ...crm, 't/secrets/crm.yaml': 'origins: [https://b.example, https://crm.example]' }
    expect(await problems(files, { secrets: stored(['https://crm.example', 'https://b.example']) })).toEqual(
      [],
    )
    expect(await problems(files, { secrets: stored(['https://crm.example']) })).toEqual([
      't/secrets/crm.yaml: /origins: found https://b.example, https://crm.example; allowed: those that it was stored with, https://crm.example (gatehouse secret set crm --from - --origins https://b.example,https://crm.example)',
    ])
    expect(await problems(crm, { secrets: stored(['https://b.example']) })).toEqual([
      expect.stringContaining(
        '(gatehouse secret set crm --from - --origins https://b.example,https://crm.example)',
      ),
    ])
  })

  test('that a header is made of are not deleted', async () => {
    const other = { 't/secrets/other.yaml': '' }
    const secrets = things({
      crm: { origins: ['https://crm.example'], servers: ['crm'] },
      other: { origins: [], servers: [] },
    })
    const servers = things({ crm: { url: 'https://crm.example/mcp', headers: {} } })
    const words = 'headers of servers are made of it (crm)'
    expect(await problems({ ...other, ...crm }, { secrets }, true)).toEqual([expect.stringContaining(words)])
    expect(await problems(other, { secrets, servers }, true)).toEqual([expect.stringContaining(words)])
    // The server goes as well, or has another header by then.
    const erp = { 't/servers/erp.yaml': 'url: https://erp.example/' }
    expect(await problems({ ...other, ...erp }, { secrets, servers }, true)).toEqual([])
    const plain = { 't/servers/crm.yaml': 'url: https://crm.example/mcp' }
    expect(await problems({ ...other, ...plain }, { secrets, servers }, true)).toEqual([])
  })

  test('are for admins to see', async () => {
    const caller = { name: 'bob', role: 'policy_manager' }
    expect(await problems({ 't/secrets/s.yaml': '' }, { caller, secrets: null })).toEqual([
      't/secrets: found the role policy_manager, which may not see secrets; allowed: admin',
    ])
    expect(await problems(crm, { caller, secrets: null })).toEqual([])
  })
})

describe('people', () => {
  const ana = { 't/people/ana.yaml': 'role: admin\nemail: ana@acme.example' }

  test('share no address, in the folder or with whoever stays', async () => {
    const bob = { 't/people/bob.yaml': 'role: viewer\nemail: ANA@acme.example' }
    expect(await problems({ ...ana, ...bob })).toEqual([
      't/people/bob.yaml: /email: found the address of ana (t/people/ana.yaml); allowed: one of nobody else',
    ])
    const people = things({ anna: person('viewer', 'ana@acme.example') })
    expect(await problems(ana, { people })).toEqual([
      't/people/ana.yaml: /email: found the address of anna (of the tenant, who stays without --prune); allowed: one of nobody else',
    ])
    expect(await problems(ana, { people }, true)).toEqual([])
    const none = { 't/people/bob.yaml': 'role: viewer', 't/people/carl.yaml': 'role: viewer' }
    expect(await problems({ ...ana, ...none })).toEqual([])
  })

  test('are never without an admin, where there was one', async () => {
    const people = things({ ana: person('admin'), bob: person('viewer') })
    const files = { 't/people/ana.yaml': 'role: viewer', 't/people/bob.yaml': 'role: viewer' }
    expect(await problems(files, { people })).toEqual([
      expect.stringContaining('as ana is now; allowed: at least one'),
    ])
    expect(await problems({ ...files, 't/people/bob.yaml': 'role: admin' }, { people })).toEqual([])
    expect(await problems({ 't/people/bob.yaml': 'role: viewer' }, { people })).toEqual([])
    expect(await problems({ 't/people/bob.yaml': 'role: viewer' }, { people }, true)).toHaveLength(1)
    expect(await problems(files, { people: things({ bob: person('viewer') }) })).toEqual([])
  })

  test('do not take from themselves what they ask with, nor change by what they are known', async () => {
    const caller = { name: 'ana', role: 'admin' }
    const people = things({ ana: person('admin', 'ana@acme.example', ['a']), bob: person('admin') })
    const bob = { 't/people/bob.yaml': 'role: admin' }
    const own = async (text: string) => problems({ ...bob, 't/people/ana.yaml': text }, { caller, people })
    expect(await own('role: admin\nemail: ana@acme.example\naccounts: [a]')).toEqual([])
    expect(await own('role: viewer\nemail: ana@acme.example\naccounts: [a]')).toEqual([
      't/people/ana.yaml: /role: found viewer, and you are admin; allowed: yours, until somebody else changes it',
    ])
    expect(await own('role: admin')).toEqual([
      't/people/ana.yaml: /email: found another than yours; allowed: yours, until somebody else changes it',
      't/people/ana.yaml: /accounts: found another than yours; allowed: yours, until somebody else changes it',
    ])
    expect(await problems(bob, { caller, people })).toEqual([])
    expect(await problems(bob, { caller, people }, true)).toEqual([
      't/people: found no ana, who asks; allowed: to be removed by somebody else',
    ])
    const grants = things({ bot: grant({ owner: 'ana' }) })
    expect(
      await problems({ 't/grants/bot.yaml': 'label: g\nowner: bob' }, { caller, people, grants }),
    ).toEqual([
      't/grants/bot.yaml: /owner: found another than you; allowed: you, until somebody else changes it',
    ])
  })

  test('are for admins to see', async () => {
    const caller = { name: 'bob', role: 'policy_manager' }
    expect(await problems(ana, { caller, people: null })).toEqual([
      't/people: found the role policy_manager, which may not see people; allowed: admin',
    ])
  })

  test('become admins before others cease to be, and an address is free before it is another’s', async () => {
    const files = {
      't/people/ana.yaml': 'role: viewer\nemail: b@acme.example',
      't/people/bob.yaml': 'role: admin\nemail: a@acme.example',
      't/people/carla.yaml': 'role: viewer\nemail: c@acme.example',
      't/people/dan.yaml': 'role: viewer\naccounts: [y, x]',
    }
    const now = things({
      ana: person('admin', 'a@acme.example'),
      bob: person('viewer', 'b@acme.example'),
      carl: person('viewer', 'c@acme.example', ['k']),
      dan: person('viewer', null, ['x', 'y']),
    })
    const steps = peopleSteps((await wantedOf(files)).people ?? new Map(), now)
    expect(steps.map(({ action, name, details }) => `${action} ${name}: ${details.join(', ')}`)).toEqual([
      'change ana: email, which bob is to have',
      'change bob: email, which ana is to have',
      'change carl: email, which carla is to have',
      'change bob: role viewer → admin, email',
      'create carla: ',
      'change ana: role admin → viewer, email',
    ])
    expect(steps[2]?.body).toEqual({ role: 'viewer', email: null, accounts: ['k'] })
    // At no moment is an address two people's, or nobody an admin.
    const state = new Map([...now].map(([name, it]) => [name, { role: it.role, email: it.email }]))
    for (const { name, body } of steps) {
      state.set(name, { role: body.role, email: body.email })
      const emails = [...state.values()].flatMap(({ email }) => (email === null ? [] : [email]))
      expect(new Set(emails).size).toBe(emails.length)
      expect([...state.values()].some(({ role }) => role === 'admin')).toBe(true)
    }
  })
})

describe('roles', () => {
  const step = (kind: 'policy' | 'server' | 'tenant', action: 'create' | 'change' = 'change') => ({
    action,
    kind,
    name: 'n',
    path: '',
    tag: null,
    details: [],
  })
  test.each<[string, readonly ReturnType<typeof step>[], string | null]>([
    ['root', [step('tenant', 'create'), step('server')], null],
    ['admin', [step('tenant'), step('server'), step('policy')], null],
    ['admin', [step('tenant', 'create')], 'may not create tenant n; allowed: root'],
    ['policy_manager', [step('policy')], null],
    [
      'policy_manager',
      [step('policy'), step('server'), step('tenant')],
      'change server n and 1 more; allowed: admin',
    ],
    ['viewer', [step('policy')], 'may not change policy n; allowed: policy_manager'],
    ['approver', [step('policy')], 'allowed: policy_manager'],
    ['something-new', [step('policy')], 'allowed: policy_manager'],
    ['viewer', [], null],
  ])('%s', (role, steps, words) => {
    expect(roleProblems(steps, { name: 'bob', role })).toEqual(
      words === null ? [] : [expect.stringContaining(words)],
    )
  })
})

describe('places', () => {
  const files = {
    't/servers/a.yaml': 'url: https://a.example/mcp?key=k\n',
    't/servers/b.yaml': 'url: https://a.example/other\n',
    't/webhooks/w.yaml': 'url: https://w.example/hook\n',
    't/tenant.yaml':
      'identity: { jwt: [{ issuer: i, audience: [a], jwks_uri: "https://k.example/keys" }, { issuer: j, audience: [a], jwks: { keys: [{}] } }] }',
  }
  const steps = [
    ['tenant', 'acme'],
    ['server', 'a'],
    ['server', 'b'],
    ['webhook', 'w'],
  ].map(([kind, name]) => ({ action: 'create', kind, name, path: '', tag: null, details: [] }) as Step)

  async function places(answer: (origin: string) => Json | null) {
    const asked: string[] = []
    const find: Api['find'] = async (path, query) => {
      asked.push(`${path} ${query?.origin}`)
      const body = answer(String(query?.origin))
      return body === null ? null : { status: 200, tag: null, body }
    }
    return { ...(await placeProblems({ find }, await wantedOf(files), steps)), asked }
  }

  test('are asked of once each, without what may be a key, and told apart by what is to be there', async () => {
    const said = await places((origin) =>
      origin === 'https://a.example'
        ? { server: 'found this; allowed: that', other: null, unknown: null }
        : { server: 'not asked', other: null, unknown: origin === 'https://k.example' ? 'no answer' : null },
    )
    expect(said.asked.toSorted()).toEqual([
      '/origins https://a.example',
      '/origins https://k.example',
      '/origins https://w.example',
    ])
    expect(said.problems).toEqual([
      't/servers/a.yaml: /url: found this; allowed: that',
      't/servers/b.yaml: /url: found this; allowed: that',
    ])
    expect(said.warnings).toEqual([
      't/tenant.yaml: warning: /identity/jwt/0/jwks_uri: no answer; it may be refused',
    ])
  })

  test('of which an older gateway says nothing stop nothing', async () => {
    expect(await places(() => null)).toMatchObject({ problems: [], warnings: [] })
  })

  test('that go are not asked of', async () => {
    const find: Api['find'] = async () => {
      throw new Error('asked')
    }
    const gone = steps.map((step) => ({ ...step, action: 'delete' as const }))
    expect(await placeProblems({ find }, await wantedOf(files), gone)).toEqual({ problems: [], warnings: [] })
  })
})

describe('the journal', () => {
  const request = (name: string, key: string) =>
    ({ kind: 'webhook', name, key, body: { url: 'https://h.example/' }, reason: null }) as const

  test('of two runs at once forgets nothing of either', async () => {
    const files: Record<string, string> = {}
    const world = worldOf(files)
    const open = () =>
      openJournal({ folder: 't', origin: 'https://gate.example:8443', tenant: 'acme' }, world)
    const [one, two] = [await open(), await open()]
    await one.begin(request('a', 'k1'))
    await two.begin(request('a', 'k2'))
    await two.begin(request('b', 'k3'))
    two.settle('webhook', 'a')
    await two.end()
    expect((await open()).left).toEqual([request('a', 'k1'), request('b', 'k3')])
    one.settle('webhook', 'a')
    await one.end()
    const last = await open()
    expect(last.left).toEqual([request('b', 'k3')])
    last.settle('webhook', 'b')
    await last.end()
    expect(files).toEqual({})
  })

  test('is of one tenant of one gateway', async () => {
    const world = worldOf({})
    await (await openJournal({ folder: 't', origin: 'https://gate.example', tenant: 'acme' }, world)).begin(
      request('a', 'k1'),
    )
    for (const [origin, tenant] of [
      ['https://gate.example', 'acme2'],
      ['https://gate.example', 'acm'],
      ['https://other.example', 'acme'],
    ] as const)
      expect((await openJournal({ folder: 't', origin, tenant }, world)).left).toEqual([])
  })

  test('of an older program is read, and of something else not', async () => {
    const older = [
      { grant: 'bot', key: 'k1', body: {}, reason: null },
      { grant: 'ops', key: 'k2', body: {}, reason: 'r' },
    ]
    const files: Record<string, string> = {
      't/.gatehouse/gate.example_acme.json': JSON.stringify(older),
      't/.gatehouse/gate.example_acme~grant~x~k.json': 'half a docum',
    }
    const journal = await openJournal(
      { folder: 't', origin: 'https://gate.example', tenant: 'acme' },
      worldOf(files),
    )
    expect(journal.left).toEqual([
      { kind: 'grant', name: 'bot', key: 'k1', body: {}, reason: null },
      { kind: 'grant', name: 'ops', key: 'k2', body: {}, reason: 'r' },
    ])
    journal.settle('grant', 'bot')
    await journal.end()
    expect(Object.keys(files)).toContain('t/.gatehouse/gate.example_acme.json')
    journal.settle('grant', 'ops')
    await journal.end()
    expect(Object.keys(files)).toEqual(['t/.gatehouse/gate.example_acme~grant~x~k.json'])
  })
})
