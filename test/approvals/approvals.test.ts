/** Calls that a person must approve: held, decided, made once. */

import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MOST_PENDING_APPROVALS } from '../../src/contract/approvals.ts'
import { admin, makeGrant, makePerson, tenantRows } from '../support/admin.ts'
import { makeAuditTables } from '../support/audit.ts'
import { counted } from '../support/decision-log.ts'
import { connect, fresh, principal, received, rows } from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'
import { ASKS, decide, errorOf, RULE, told, track } from './support.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const NAME = 'acme/bot'

let token = ''

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  token = await makeGrant('acme', 'bot', ASKS)
})
afterEach(async () => {
  await told()
  vi.useRealTimers()
})

const approvals = () => rows('SELECT id, state, request_id FROM approvals ORDER BY seq', NAME)
const decisions = () => rows<{ decision: string }>('SELECT decision, rule FROM audit ORDER BY seq', NAME)
const used = async () => (await counted(NAME)).map(({ used }) => ({ used }))
/** Asks for a call and returns the id of the approval that it waits for. */
const ask = async (args?: Record<string, unknown>) => errorOf(await track(token, args)).approval
/** How many calls have come through to where they do something. */
const made = async () => (await rows("SELECT 1 FROM outbox WHERE tool = 'track_logout'", NAME)).length

describe('a call that needs a person', () => {
  test('waits under a link, and nothing of it is charged, done or kept but the digest', async () => {
    const held = await track(token, { account_id: 'acct_secret_7' })
    const error = errorOf(held)
    expect(error).toMatchObject({
      code: 'approval_required',
      rule: RULE,
      url: `http://127.0.0.1:8787/t/acme/approvals/${error.approval}`,
      expires_at: '2030-01-01T10:15:00.000Z',
    })
    expect(error.approval).toMatch(/^apr_bot_[0-9a-f]{32}$/)
    expect(held.text).toContain('Ask Ana.')
    expect(held.text).toContain('call the tool again with the same arguments')
    expect([await used(), await made()]).toEqual([[], 0])
    expect(await decisions()).toEqual([{ decision: 'approval', rule: RULE }])
    const [row] = await rows('SELECT * FROM approvals', NAME)
    expect(JSON.stringify(row)).not.toContain('acct_secret_7')
    expect(row).toMatchObject({ state: 'pending', argument_names: '["account_id"]', message: 'Ask Ana.' })
  })

  test('is found again while it waits: nothing piles up', async () => {
    const id = await ask()
    expect([await ask(), await ask()]).toEqual([id, id])
    expect(await approvals()).toHaveLength(1)
  })

  test('is made once when it was approved, with its charge', async () => {
    const id = await ask()
    expect((await decide(id, 'approve', 'fine')).body).toMatchObject({
      id,
      state: 'approved',
      decided_by: 'root',
      reason: 'fine',
    })
    expect((await track(token)).isError).toBe(false)
    expect([await used(), await made()]).toEqual([[{ used: '1' }], 1])
    expect((await decisions()).at(-1)).toEqual({ decision: 'allow', rule: RULE })
    expect(await ask()).not.toBe(id)
    expect(await made()).toBe(1)
    expect(await approvals()).toMatchObject([{ state: 'used' }, { state: 'pending' }])
  })

  test('is denied with the reason, for as long as it would have waited', async () => {
    const id = await ask()
    await decide(id, 'deny', 'Not today.')
    for (let i = 0; i < 2; i++) {
      const denied = await track(token)
      expect(errorOf(denied)).toMatchObject({ code: 'approval_denied', approval: id, reason: 'Not today.' })
      expect(denied.text).toContain('Not today.')
    }
    expect((await decisions()).at(-1)).toEqual({ decision: 'deny', rule: RULE })
    vi.setSystemTime(START + 900_000)
    expect(errorOf(await track(token))).toMatchObject({ code: 'approval_required' })
    expect(await ask()).not.toBe(id)
  })

  test('is the same whatever the order of its arguments, and another with others', async () => {
    const id = await ask({ account_id: 'a', ip: '192.0.2.1' })
    expect(await ask({ ip: '192.0.2.1', account_id: 'a' })).toBe(id)
    expect(await ask({ account_id: 'a' })).not.toBe(id)
    await decide(id, 'approve')
    expect((await track(token, { account_id: 'b', ip: '192.0.2.1' })).isError).toBe(true)
    expect((await track(token, { ip: '192.0.2.1', account_id: 'a' })).isError).toBe(false)
  })

  test("is not another grant's, even with the same arguments", async () => {
    const other = await makeGrant('acme', 'two', ASKS)
    await decide(await ask(), 'approve')
    expect(errorOf(await track(other))).toMatchObject({ code: 'approval_required' })
    expect(await made()).toBe(0)
    await told('acme/two')
  })

  test("is not another account's, whichever connection asks", async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const client = await connect({ token })
    const before = errorOf(await client.call('track_logout', { account_id: 'a' })).approval
    await decide(before, 'approve')
    await client.login('ana')
    const after = errorOf(await client.call('track_logout', { account_id: 'a' })).approval
    expect(after).not.toBe(before)
    expect((await admin('GET', `acme/approvals/${after}`)).body).toMatchObject({ account: 'ana' })
    const other = await connect({ token })
    expect((await other.call('track_logout', { account_id: 'a' })).isError).toBe(false)
    expect(await made()).toBe(1)
  })

  test('whose arguments are wrong is nobody asked for', async () => {
    expect((await track(token, { account: 'a' })).code).toBe('invalid_arguments')
    expect(await approvals()).toEqual([])
  })

  test('is not taken where too many wait', async () => {
    for (let i = 0; i < MOST_PENDING_APPROVALS; i++) await ask({ account_id: `a${i}` })
    expect((await track(token)).code).toBe('too_many_approvals')
    expect(errorOf(await track(token, { account_id: 'a0' })).code).toBe('approval_required')
    vi.setSystemTime(START + 900_000)
    expect((await track(token)).code).toBe('approval_required')
  })
})

describe('an approval', () => {
  test('is good until its time is over', async () => {
    const id = await ask()
    await decide(id, 'approve')
    vi.setSystemTime(START + 900_000)
    expect(await ask()).not.toBe(id)
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({ state: 'expired' })
    expect(await made()).toBe(0)
  })

  test('comes too late when its time is over', async () => {
    const id = await ask()
    vi.setSystemTime(START + 900_000)
    const late = await decide(id, 'approve')
    expect([late.status, late.body?.detail]).toEqual([409, expect.stringContaining('expired')])
    expect((await track(token)).isError).toBe(true)
  })

  test("waits as long as the tenant's settings say", async () => {
    await admin('PUT', 'acme', { approvals: { expires_seconds: 60 } })
    const id = await ask()
    vi.setSystemTime(START + 60_000)
    expect((await decide(id, 'approve')).status).toBe(409)
  })

  test('given twice is one, and does not bring back what was used', async () => {
    const id = await ask()
    expect((await decide(id, 'approve')).status).toBe(200)
    expect((await decide(id, 'approve')).status).toBe(200)
    await track(token)
    expect((await decide(id, 'approve')).status).toBe(409)
    expect((await track(token)).isError).toBe(true)
    expect(await made()).toBe(1)
  })

  test('may be denied although it was used: it is said that a call was made, and not made again', async () => {
    const id = await ask()
    expect((await decide(id, 'approve')).body?.warnings).toEqual([])
    await track(token)
    const denied = await decide(id, 'deny', 'I was wrong.')
    expect([denied.status, denied.body]).toEqual([
      200,
      expect.objectContaining({ state: 'denied', used_at: '2030-01-01T10:00:00.000Z' }),
    ])
    expect(denied.body?.warnings).toEqual([
      expect.stringContaining('A call was made by this approval at 2030'),
    ])
    expect((await decide(id, 'deny')).body?.warnings).toHaveLength(1)
    expect(errorOf(await track(token))).toMatchObject({ code: 'approval_denied', approval: id })
    const [row] = await rows<{ request_id: string }>('SELECT request_id FROM approvals', NAME)
    await principal(NAME).refund(row?.request_id ?? '')
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({
      state: 'denied',
      used_at: null,
    })
    expect(errorOf(await track(token))).toMatchObject({ code: 'approval_denied', approval: id })
    expect(await made()).toBe(1)
    expect((await decide(id, 'approve')).status).toBe(409)
  })

  test('may be taken back while it is not used; a denial stays one', async () => {
    const id = await ask()
    await decide(id, 'approve')
    expect((await decide(id, 'deny', 'I was wrong.')).body).toMatchObject({ state: 'denied' })
    expect(errorOf(await track(token)).reason).toBe('I was wrong.')
    expect((await decide(id, 'approve')).status).toBe(409)
  })

  test('is used by one of two calls at once', async () => {
    await decide(await ask(), 'approve')
    const answers = await Promise.all([track(token), track(token), track(token)])
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(1)
    expect([await made(), await used()]).toEqual([1, [{ used: '1' }]])
    expect(await approvals()).toMatchObject([{ state: 'used' }, { state: 'pending' }])
  })

  test('is not used by a call that a limit refuses', async () => {
    for (let i = 0; i < 2; i++) {
      await decide(await ask({ account_id: `x${i}` }), 'approve')
      expect((await track(token, { account_id: `x${i}` })).isError).toBe(false)
    }
    const id = await ask()
    await decide(id, 'approve')
    expect((await track(token)).code).toBe('rate_limited')
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({ state: 'approved' })
  })

  test('comes back with the charge of a call that surely did not happen', async () => {
    const id = await ask()
    await decide(id, 'approve')
    await track(token)
    const [row] = await rows<{ request_id: string }>('SELECT request_id FROM approvals', NAME)
    await principal(NAME).refund(row?.request_id ?? '')
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({ state: 'approved' })
    expect(await used()).toEqual([{ used: '0' }])
    await principal(NAME).refund(row?.request_id ?? '')
    expect((await track(token)).isError).toBe(false)
    expect((await track(token)).isError).toBe(true)
  })

  test('is nobody’s to give who is known to be behind the session', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const client = await connect({ token })
    await client.login('ana@example.com')
    const { approval: id } = errorOf(await client.call('track_logout', { account_id: 'a' }))
    const as = (name: string, email: string | null, decision: 'approve' | 'deny' = 'approve') =>
      principal(NAME).decideApproval({
        id,
        decision,
        reason: null,
        by: { name, email, accounts: [] },
        owner: null,
      })
    expect(await as('ana', 'Ana@Example.com ')).toEqual({ kind: 'own' })
    expect(await as('ANA@example.com', null)).toEqual({ kind: 'own' })
    expect(await as('ben', 'ben@example.com')).toMatchObject({
      kind: 'decided',
      approval: { state: 'approved', decidedBy: 'person:ben' },
    })
    expect(await as('ana', 'ana@example.com', 'deny')).toMatchObject({ kind: 'decided' })
  })
})

describe('when the policy changes in between', () => {
  const putPolicy = (policy: unknown) => admin('PUT', 'acme/policies/bot', policy)
  const approved = async () => {
    const id = await ask()
    await decide(id, 'approve')
    return id
  }

  test('a rule that still asks takes the approval', async () => {
    await approved()
    await putPolicy({ ...ASKS, description: 'Another version.' })
    expect((await track(token)).isError).toBe(false)
  })

  test('another rule that asks wants one of its own', async () => {
    const id = await approved()
    await putPolicy({ version: '1', default: 'allow', all_tools: { require_approval: [{ conditions: [] }] } })
    const held = errorOf(await track(token))
    expect([held.code, held.approval === id]).toEqual(['approval_required', false])
  })

  test('what is denied now stays denied', async () => {
    await approved()
    await putPolicy({
      version: '1',
      default: 'allow',
      tools: { track_logout: { deny_if: [{ conditions: [] }] } },
    })
    expect((await track(token)).code).toBe('denied')
    expect(await made()).toBe(0)
  })

  test('what is allowed now needs nobody, and uses nothing', async () => {
    await approved()
    await putPolicy({ version: '1', default: 'allow' })
    expect((await track(token)).isError).toBe(false)
    expect(await approvals()).toMatchObject([{ state: 'approved' }])
  })

  test('a grant that is revoked has no use for it', async () => {
    const id = await ask()
    await admin('DELETE', 'acme/grants/bot')
    expect((await decide(id, 'approve')).status).toBe(409)
    expect((await track(token)).status).toBe(401)
  })
})

describe('whatever dies', () => {
  test('what waits, was approved and was used is still that', async () => {
    const id = await ask()
    await evictDurableObject(principal(NAME))
    expect(await ask()).toBe(id)
    await decide(id, 'approve')
    await evictDurableObject(principal(NAME))
    expect((await track(token)).isError).toBe(false)
    await evictDurableObject(principal(NAME))
    expect(await ask()).not.toBe(id)
    expect(await made()).toBe(1)
  })

  test('the tenant hears of it: what was not told is told by alarm, once', async () => {
    const id = await ask()
    await evictDurableObject(principal(NAME))
    await runDurableObjectAlarm(principal(NAME))
    await told()
    expect(await tenantRows('acme', 'SELECT id, state, revision FROM approvals')).toEqual([
      { id, state: 'pending', revision: 1 },
    ])
    expect(await rows('SELECT 1 FROM announcements', NAME)).toEqual([])
  })

  test('what is told twice, or late, changes nothing', async () => {
    const id = await ask()
    await told()
    const before = await principal(NAME).approval(id)
    await decide(id, 'approve')
    if (before === null) throw new Error('it is there')
    const late = { id: `${id}_1`, atMs: START, type: 'approval', data: before } as const
    await env.TENANT.getByName('acme').receiveAnnouncements([late, late])
    expect(await tenantRows('acme', 'SELECT state, revision FROM approvals')).toEqual([
      { state: 'approved', revision: 2 },
    ])
  })
})

describe('a limit of the whole tenant', () => {
  test('is charged when the approved call is made, not while it waits', async () => {
    const limits = [{ counter: 'all', window: 'day', max: 1, scope: 'tenant' }]
    const rule = { require_approval: [{ conditions: [] }], limits }
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'allow', tools: { track_logout: rule } })
    const id = await ask()
    for (let i = 0; i < 3; i++) expect(await ask()).toBe(id)
    await decide(id, 'approve')
    expect((await track(token)).isError).toBe(false)
    expect((await track(token, { account_id: 'b' })).code).toBe('rate_limited')
  })
})

test('what is over is kept for 30 days, here and in the list', async () => {
  const id = await ask()
  await told()
  const day = 24 * 3_600_000
  const ring = async () => {
    await runDurableObjectAlarm(principal(NAME))
    await runDurableObjectAlarm(env.TENANT.getByName('acme'))
  }
  vi.setSystemTime(START + 29 * day)
  await ring()
  expect((await admin('GET', `acme/approvals/${id}`)).status).toBe(200)
  vi.setSystemTime(START + 31 * day)
  await ring()
  expect((await admin('GET', `acme/approvals/${id}`)).status).toBe(404)
  expect((await admin('GET', 'acme/approvals')).body).toEqual({ items: [], next: null })
})

describe('people', () => {
  test('of the tenant decide under their own name, but not about themselves', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const ana = await makePerson('acme', 'ana', 'admin', 'ana@example.com')
    const ben = await makePerson('acme', 'ben', 'admin')
    const client = await connect({ token })
    await client.login('Ana@example.com')
    const { approval: id } = errorOf(await client.call('track_logout', { account_id: 'a' }))
    const as = (who: string) => admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, who)
    expect((await as(ana)).status).toBe(403)
    expect((await as(ben)).body).toMatchObject({ state: 'approved', decided_by: 'person:ben' })
    expect((await client.call('track_logout', { account_id: 'a' })).isError).toBe(false)
  })

  test('whom sessions know by another account are kept from their own calls as well', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const ana = await makePerson('acme', 'ana', 'admin')
    const client = await connect({ token })
    await client.login('auth0|7f')
    const { approval: id } = errorOf(await client.call('track_logout', { account_id: 'a' }))
    const as = (decision: string) => admin('POST', `acme/approvals/${id}`, { decision }, ana)
    await admin('PUT', 'acme/people/ana', { role: 'admin', accounts: ['shop-1', 'Auth0|7F'] })
    expect((await as('approve')).status).toBe(403)
    await admin('PUT', 'acme/people/ana', { role: 'admin', accounts: ['shop-1'] })
    expect((await as('approve')).body).toMatchObject({ state: 'approved' })
    await admin('PUT', 'acme/people/ana', { role: 'admin', accounts: ['auth0|7f'] })
    expect((await as('deny')).body).toMatchObject({ state: 'denied', decided_by: 'person:ana' })
  })

  test('whose agent it is may deny its calls, not approve them', async () => {
    const [ana, ben] = [await makePerson('acme', 'ana', 'admin'), await makePerson('acme', 'ben', 'admin')]
    const own = (owner: string | null) => admin('PUT', 'acme/grants/bot', { policy: 'bot', owner })
    await own('ana')
    const first = await ask()
    const as = (id: string, decision: string, who: string) =>
      admin('POST', `acme/approvals/${id}`, { decision }, who)
    expect((await as(first, 'approve', ana)).status).toBe(403)
    expect((await as(first, 'approve', ben)).body).toMatchObject({ state: 'approved' })
    expect((await as(first, 'deny', ana)).body).toMatchObject({ state: 'denied' })
    const second = await ask({ account_id: 'b' })
    await own('ben')
    expect((await as(second, 'approve', ben)).status).toBe(403)
    expect((await as(second, 'approve', ana)).body).toMatchObject({ state: 'approved' })
  })

  test('cannot stop being who asked: neither by their accounts and address nor by leaving', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const ana = await makePerson('acme', 'ana', 'admin', 'ana@example.com')
    const ben = await makePerson('acme', 'ben', 'admin')
    const known = { role: 'admin', email: 'ana@example.com', accounts: ['auth0|7f'] }
    const put = (document: object, who?: string) => admin('PUT', 'acme/people/ana', document, who)
    expect((await put(known, ben)).status).toBe(200)
    const client = await connect({ token })
    await client.login('auth0|7f')
    const { approval: id } = errorOf(await client.call('track_logout', { account_id: 'a' }))
    const approve = (who: string) => admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, who)
    for (const [document, member] of [
      [{ ...known, accounts: [] }, '/accounts'],
      [{ ...known, accounts: ['auth0|7f', 'more'] }, '/accounts'],
      [{ role: 'admin', email: 'ana@example.com' }, '/accounts'],
      [{ ...known, email: null }, '/email'],
      [{ ...known, email: 'other@example.com' }, '/email'],
    ] as const) {
      const { status, body } = await put(document, ana)
      expect([status, body?.title, body?.problems]).toEqual([
        403,
        'Four eyes',
        [expect.stringContaining(`${member}: found`)],
      ])
    }
    expect((await admin('GET', 'acme/people/ana')).body).toMatchObject(known)
    expect((await approve(ana)).status).toBe(403)
    // The rest of it is theirs, and others may change it all.
    expect((await put(known, ana)).status).toBe(200)
    expect(
      (await put({ role: 'viewer', email: 'ana@example.com', accounts: ['auth0|7f'] }, ana)).status,
    ).toBe(200)
    expect((await put({ ...known, accounts: ['other'] }, ben)).status).toBe(200)
    expect((await put(known)).status).toBe(200)
    // Whoever has left decides nothing.
    expect((await admin('DELETE', 'acme/people/ana', undefined, ana)).status).toBe(200)
    expect((await approve(ana)).status).toBe(401)
    expect(await approvals()).toMatchObject([{ state: 'pending' }])
  })

  test('whose agent it is cannot give it to somebody else, or nobody', async () => {
    const [ana, ben] = [await makePerson('acme', 'ana', 'admin'), await makePerson('acme', 'ben', 'admin')]
    const own = (owner: string | null, who?: string) =>
      admin('PUT', 'acme/grants/bot', { policy: 'bot', owner }, who)
    expect((await own('ana', ana)).status).toBe(200)
    const id = await ask()
    for (const owner of [null, 'ben']) {
      const { status, body } = await own(owner, ana)
      expect([status, body?.problems]).toEqual([403, [expect.stringContaining('/owner: found')]])
    }
    expect((await admin('PUT', 'acme/grants/bot', { policy: 'bot' }, ana)).status).toBe(403)
    expect((await admin('GET', 'acme/grants/bot')).body).toMatchObject({ owner: 'ana' })
    expect((await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, ana)).status).toBe(403)
    // Whatever else there is to change.
    const label = { policy: 'bot', owner: 'ana', label: 'Hers' }
    expect((await admin('PUT', 'acme/grants/bot', label, ana)).body).toMatchObject({ label: 'Hers' })
    expect((await own('ben', ben)).status).toBe(200)
    expect((await own(null)).status).toBe(200)
  })

  test('of lower roles, and of other tenants, decide nothing', async () => {
    const id = await ask()
    await told()
    for (const role of ['viewer', 'policy_manager'] as const) {
      const who = await makePerson('acme', role.replace('_', '-'), role)
      expect((await admin('GET', 'acme/approvals', undefined, who)).body).toMatchObject({ items: [{ id }] })
      expect((await admin('GET', `acme/approvals/${id}`, undefined, who)).status).toBe(200)
      expect((await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, who)).status).toBe(403)
    }
    const stranger = await makePerson('globex', 'eve', 'admin')
    const asked = await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, stranger)
    const nowhere = await admin('POST', `nowhere/approvals/${id}`, { decision: 'approve' }, stranger)
    expect([asked.status, asked.body]).toEqual([nowhere.status, nowhere.body])
    expect(asked.status).toBe(401)
  })
})

describe('administrators', () => {
  test('list what waits, page by page and by state, the youngest first', async () => {
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      vi.setSystemTime(START + i * 1_000)
      ids.unshift(await ask({ account_id: `a${i}` }))
    }
    await decide(ids[1] ?? '', 'deny', 'No.')
    await told()
    const list = async (query = '') => {
      const { body } = await admin('GET', `acme/approvals${query}`)
      const { items, next } = body as { items: { id: string }[]; next: string | null }
      return { ids: items.map(({ id }) => id), next }
    }
    expect(await list()).toEqual({ ids, next: null })
    const first = await list('?limit=2')
    expect(first.ids).toEqual(ids.slice(0, 2))
    expect(await list(`?limit=2&after=${first.next}`)).toEqual({ ids: ids.slice(2), next: null })
    expect((await list('?state=pending')).ids).toEqual([ids[0], ids[2]])
    expect((await list('?state=denied')).ids).toEqual([ids[1]])
    vi.setSystemTime(START + 901_000)
    expect((await list('?state=expired')).ids).toEqual([ids[2]])
    expect((await admin('GET', 'acme/approvals?state=lost')).status).toBe(400)
    expect((await admin('GET', 'acme/approvals?after=x')).status).toBe(400)
  })

  test('see one; without a value where they decide nothing', async () => {
    const id = await ask({ account_id: 'acct_secret_7' })
    const viewer = await makePerson('acme', 'vera', 'viewer')
    const { body } = await admin('GET', `acme/approvals/${id}`, undefined, viewer)
    expect(body).toMatchObject({
      id,
      state: 'pending',
      grant: 'bot',
      server: 'legiti',
      tool: 'track_logout',
      argument_names: ['account_id'],
      arguments_hmac: expect.stringMatching(/^[A-Za-z0-9-]+:[\w-]{22}$/),
    })
    expect(JSON.stringify(body)).not.toContain('acct_secret_7')
  })

  test('of another tenant see and decide nothing', async () => {
    const id = await ask()
    await makeGrant('other', 'bot', ASKS)
    for (const path of [
      `other/approvals/${id}`,
      'acme/approvals/apr_bot_0',
      'acme/approvals/x',
      'ghost/approvals/x',
    ])
      expect((await admin('GET', path)).status).toBe(404)
    expect((await decide(id, 'approve', undefined, 'other')).status).toBe(404)
    expect((await track(token)).isError).toBe(true)
    expect((await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, null)).status).toBe(401)
    expect((await admin('POST', `acme/approvals/${id}`, { decision: 'maybe' })).status).toBe(422)
  })

  test('leave a record of what they decide', async () => {
    const id = await ask()
    await decide(id, 'approve', 'fine')
    await decide(id, 'deny', '\u0001'.repeat(1_000))
    await told()
    const changes = await tenantRows<{ actor: string; action: string; detail: string }>(
      'acme',
      `SELECT actor, action, detail FROM changes WHERE subject = 'approval/${id}' ORDER BY seq`,
    )
    expect(changes.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'root approval.approve',
      'root approval.deny',
    ])
    const [approved, denied] = changes.map(({ detail }) => JSON.parse(detail) as Record<string, string>)
    const hmac = ((await principal(NAME).approval(id)) ?? { argumentsHmac: null }).argumentsHmac
    expect(hmac).not.toBeNull()
    expect(approved).toEqual({
      grant: 'bot',
      server: 'legiti',
      tool: 'track_logout',
      rule: RULE,
      arguments_hmac: hmac,
      reason: 'fine',
    })
    // However it is written, the reason is bounded and the rest is there.
    expect(denied).toMatchObject({ grant: 'bot', arguments_hmac: hmac })
    const reason = denied?.reason ?? ''
    expect([reason.length > 100, reason.length < 200, reason.at(-1)]).toEqual([true, true, '…'])
  })

  test('read the whole story of an approval in the audit trail', async () => {
    await makeAuditTables()
    const id = await ask()
    await track(token)
    await decide(id, 'approve', 'fine')
    await track(token)
    await ask()
    await decide(id, 'deny')
    await track(token)
    await told()
    vi.setSystemTime(START + 70_000)
    await runDurableObjectAlarm(principal(NAME))
    await principal(NAME).auditSettled()
    await runDurableObjectAlarm(env.TENANT.getByName('acme'))
    const story = async () => {
      const { body } = await admin('GET', `acme/audit?subject=approval/${id}&limit=100`)
      return (body as { items: Record<string, unknown>[] }).items.reverse()
    }
    await vi.waitFor(async () => expect(await story()).toHaveLength(5), PATIENT)
    const rows = await story()
    expect(rows.map(({ decision, action }) => decision ?? action).sort()).toEqual([
      'allow',
      'approval',
      'approval',
      'approval.approve',
      'approval.deny',
    ])
    const hmacs = rows.map(({ arguments_hmac, detail }) => {
      return arguments_hmac ?? (detail as { arguments_hmac: string }).arguments_hmac
    })
    expect(new Set(hmacs).size).toBe(1)
  })
})

test('what Legiti hears of an approved call is that call, once', async () => {
  await decide(await ask({ account_id: 'acct_1' }), 'approve')
  await track(token, { account_id: 'acct_1' })
  await track(token, { account_id: 'acct_1' })
  await told()
  expect((await received()).map(({ body }) => JSON.stringify(body).includes('acct_1'))).toEqual([true])
})
