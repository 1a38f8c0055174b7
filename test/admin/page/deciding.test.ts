/** Reading and deciding at the page of an approval, by each role, and every refusal. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Env } from '../../../src/contract/env.ts'
import { ASKS, decide, errorOf, RULE, told, track } from '../../approvals/support.ts'
import { admin, makeGrant, makePerson, ROOT, tenantRows } from '../../support/admin.ts'
import { fresh, type Json } from '../../support/gateway.ts'
import { alertOf, formOf, type Seen, Visitor, whole } from './visitor.ts'

const ACCOUNT = 'acct-4711-of-the-page'

let agent = ''
let ana: Visitor
let id = ''
let page = ''

beforeEach(async () => {
  await fresh()
  agent = await makeGrant('acme', 'bot', ASKS)
  ana = await signedIn('ana', 'approver')
  id = await ask()
  page = `/t/acme/approvals/${id}`
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const ask = async (args: Json = { account_id: ACCOUNT }) => errorOf(await track(agent, args)).approval

async function signedIn(name: string, role: string): Promise<Visitor> {
  return new Visitor().signIn('/t/acme/approvals', await makePerson('acme', name, role))
}

const stateOf = async (of = id) => (await admin('GET', `acme/approvals/${of}`)).body as Json

/** A page as a person reads it. */
const read = ({ text }: Seen) =>
  text
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ')

describe('whoever may decide', () => {
  test('reads what the call is, who asks, by which rule and since when', async () => {
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', owner: 'ana' })
    const text = read(await ana.get(page))
    for (const part of [
      'Signed in: ana , approver',
      'A call waits for approval Nobody has decided yet.',
      'Tool track_logout',
      'Server legiti',
      'Message of the policy Ask Ana.',
      `account_id text, ${ACCOUNT.length} characters ${ACCOUNT}`,
      'Grant bot',
      'Owner ana',
      'Account Not logged in.',
      'Client test 1 (as it calls itself)',
      `Rule of the policy ${RULE}`,
      `Id ${id}`,
    ])
      expect(text).toContain(part)
    expect(text).toMatch(/Asked for \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \((now|\d+ seconds? ago)\)/)
    expect(text).toMatch(/until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 14 minutes\)/)
    expect(text).toContain('Approve this call Deny this call')
  })

  test.each([
    ['approver', true],
    ['admin', true],
    ['policy_manager', false],
    ['viewer', false],
  ])('is no other than an approver, an admin and root: %s, %s', async (role, may) => {
    const visitor = await signedIn('vera', role)
    const seen = await visitor.get(page)
    expect(seen.status).toBe(200)
    expect([seen.text.includes(ACCOUNT), seen.text.includes('name="form"')]).toEqual([may, may])
    expect(read(seen)).toContain('account_id')
    if (!may) expect(read(seen)).toContain('takes the role approver or admin, or the root token')
    const form = formOf(await ana.get(page))
    const refused = await visitor.decide(page, 'approve', '', form)
    // The form of another's page is not theirs in any case.
    expect(refused.status).toBe(may ? 409 : 403)
    expect((await stateOf()).state).toBe('pending')
    expect((await new Visitor().signIn(page, ROOT)).cookies.size).toBe(1)
  })

  test('approves, and the agent makes the call, once', async () => {
    const answer = await ana.decide(page, 'approve', 'Checked with Bob.')
    expect([answer.status, answer.headers.get('location'), answer.text]).toEqual([303, page, ''])
    expect(await stateOf()).toMatchObject({
      state: 'approved',
      decided_by: 'person:ana',
      reason: 'Checked with Bob.',
    })
    const seen = await ana.get(page)
    expect(read(seen)).toMatch(/Decided by person:ana \(you\) When .* Reason Checked with Bob\./)
    expect(read(seen)).toContain('The values were erased when somebody decided.')
    expect(seen.text).not.toContain(ACCOUNT)
    expect((await track(agent, { account_id: ACCOUNT })).isError).toBe(false)
    expect(await ask()).not.toBe(id)
    expect(read(await ana.get(page))).toContain('A call that was approved and made')
  })

  test('denies, and the agent is told why', async () => {
    expect((await ana.decide(page, 'deny', 'Not on Fridays.\r\nAsk on Monday.')).status).toBe(303)
    const denied = await track(agent, { account_id: ACCOUNT })
    expect(errorOf(denied)).toMatchObject({
      code: 'approval_denied',
      reason: 'Not on Fridays.\nAsk on Monday.',
    })
    const seen = await ana.get(page)
    expect(read(seen)).toContain('Nothing is left to decide.')
    expect(seen.text).not.toContain('name="form"')
  })

  test('is on record as over the API', async () => {
    const other = await ask({ account_id: `${ACCOUNT}-2` })
    await ana.decide(page, 'approve', 'By the page.')
    await admin('POST', `acme/approvals/${other}`, { decision: 'approve', reason: 'By the API.' })
    await told()
    const rows = await tenantRows<{ actor: string; action: string; subject: string; detail: string }>(
      'acme',
      "SELECT actor, action, subject, detail FROM changes WHERE action LIKE 'approval.%' ORDER BY seq",
    )
    const [byPage, byApi] = rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) as Json }))
    expect(byPage).toMatchObject({
      ...{ actor: 'person:ana', action: 'approval.approve', subject: `approval/${id}` },
      detail: { grant: 'bot', tool: 'track_logout', reason: 'By the page.' },
    })
    expect(Object.keys(byPage?.detail ?? {})).toEqual(Object.keys(byApi?.detail ?? {}))
  })

  test('denies what was approved, as long as its time lasts, and nothing else', async () => {
    await ana.decide(page, 'approve')
    const seen = await ana.get(page)
    expect([seen.text.includes('value="approve"'), seen.text.includes('value="deny"')]).toEqual([false, true])
    expect((await ana.decide(page, 'deny', 'On second thoughts.')).status).toBe(303)
    expect(await stateOf()).toMatchObject({ state: 'denied', reason: 'On second thoughts.' })
  })
})

describe('an id that is none of this tenant', () => {
  test('gets the same 404, whatever it is', async () => {
    const theirs = await makeGrant('globex', 'bot', ASKS)
    const other = errorOf(await track(theirs, { account_id: ACCOUNT })).approval
    for (const visitor of [ana, await signedIn('vera', 'viewer'), await new Visitor().signIn(page, ROOT)]) {
      const ids = [other, `apr_bot_${'0'.repeat(32)}`, `apr_ghost_${'0'.repeat(32)}`, 'x', '%00', `${id}0`]
      const pages = await Promise.all(ids.map((it) => visitor.get(`/t/acme/approvals/${it}`)))
      for (const it of pages) expect(whole(it)).toEqual(whole(pages[0] as Seen))
      expect(pages[0]?.status).toBe(404)
      const head = await visitor.send(`/t/acme/approvals/${other}`, { method: 'HEAD' })
      expect([head.status, head.text]).toEqual([404, ''])
    }
    const form = formOf(await ana.get(page))
    for (const it of [other, `apr_bot_${'0'.repeat(32)}`, 'x']) {
      const answer = await ana.decide(`/t/acme/approvals/${it}`, 'approve', '', form)
      expect(answer.status).toBe(404)
    }
    expect((await admin('GET', `globex/approvals/${other}`)).body).toMatchObject({ state: 'pending' })
  })
})

describe('nothing is decided', () => {
  afterEach(async () => {
    expect((await stateOf()).state).toBe('pending')
  })

  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['a page beside ours', { 'sec-fetch-site': 'same-site', origin: 'null' }],
    [
      'a browser that says nothing but its origin, which is another',
      { 'sec-fetch-site': '', origin: 'https://evil.example' },
    ],
    ['nowhere that is known', { 'sec-fetch-site': 'none' }],
  ])('by a form of %s', async (_, headers) => {
    const fields = { do: 'decide', decision: 'approve', form: formOf(await ana.get(page)) }
    const answer = await ana.post(page, fields, headers)
    expect([answer.status, answer.headers.has('set-cookie')]).toEqual([403, false])
  })

  test('by a form that says not where it comes from', async () => {
    const fields = { do: 'decide', decision: 'approve', form: formOf(await ana.get(page)) }
    expect((await ana.send(page, { method: 'POST', fields })).status).toBe(403)
  })

  test('by the form of another sign-in, of another approval, or of none', async () => {
    const other = await ask({ account_id: `${ACCOUNT}-2` })
    const again = await signedIn('bea', 'approver')
    const forms = [
      formOf(await again.get(page)),
      formOf(await ana.get(`/t/acme/approvals/${other}`)),
      formOf(await ana.get(page)).slice(0, -4),
      'v1.x.y.z',
      '',
    ]
    for (const form of forms) {
      const answer = await ana.decide(page, 'approve', 'kept <b>', form)
      expect(answer.status).toBe(409)
      expect(answer.text).toContain('kept &#60;b&#62;</textarea>')
    }
  })

  test('by what is no form of the page', async () => {
    const form = formOf(await ana.get(page))
    for (const fields of [
      {},
      { do: 'else' },
      { do: 'decide', form },
      { do: 'decide', form, decision: 'maybe' },
    ])
      expect((await ana.post(page, fields as Record<string, string>)).status).toBe(400)
    const json = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
    expect((await ana.send(page, { method: 'POST', body: '{}', headers: json })).status).toBe(415)
    const long = { do: 'decide', decision: 'approve', form, reason: 'x'.repeat(70_000) }
    expect((await ana.post(page, long)).status).toBe(413)
    expect((await ana.post('/t/acme/approvals', { do: 'decide', decision: 'approve', form })).status).toBe(
      400,
    )
  })

  test('with a reason that is too long, which is not lost', async () => {
    const reason = `${'x'.repeat(1_000)}y`
    const answer = await ana.decide(page, 'deny', reason)
    expect([answer.status, answer.text.includes(`${reason}</textarea>`)]).toEqual([422, true])
    expect(alertOf(answer)).toContain('1000 characters')
  })

  test('by whose agent it is: four eyes, and they can still deny', async () => {
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', owner: 'ana' })
    const answer = await ana.decide(page, 'approve', 'It is fine.')
    expect([answer.status, alertOf(answer).includes('nobody approves a call of their own')]).toEqual([
      403,
      true,
    ])
    expect(answer.text).toContain('It is fine.</textarea>')
    expect(answer.text).toContain('Deny this call')
  })

  test('by somebody whose role has just been taken', async () => {
    const form = formOf(await ana.get(page))
    await admin('PUT', 'acme/people/ana', { role: 'viewer' })
    const answer = await ana.decide(page, 'approve', '', form)
    expect([answer.status, answer.text.includes(ACCOUNT)]).toEqual([403, false])
    await admin('DELETE', 'acme/people/ana')
    expect((await ana.decide(page, 'approve', '', form)).status).toBe(401)
  })
})

describe('a page that is out of date', () => {
  test('decides nothing else: what it showed has changed', async () => {
    const form = formOf(await ana.get(page))
    await decide(id, 'approve')
    const answer = await ana.decide(page, 'deny', 'Too late?', form)
    expect([answer.status, alertOf(answer).includes('something has changed')]).toEqual([409, true])
    expect(answer.text).toContain('Too late?</textarea>')
    expect(await stateOf()).toMatchObject({ state: 'approved', decided_by: 'root' })
    // What it shows now can be decided.
    expect((await ana.decide(page, 'deny', 'Too late?', formOf(answer))).status).toBe(303)
  })

  test('a double click decides once', async () => {
    const form = formOf(await ana.get(page))
    const answers = await Promise.all([1, 2, 3].map(() => ana.decide(page, 'approve', 'Once.', form)))
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303])
    await told()
    const rows = await tenantRows('acme', "SELECT seq FROM changes WHERE action = 'approval.approve'")
    expect(rows).toHaveLength(1)
  })

  test('of two buttons that are pressed one after the other, the first counts', async () => {
    const form = formOf(await ana.get(page))
    expect((await ana.decide(page, 'approve', '', form)).status).toBe(303)
    expect((await ana.decide(page, 'deny', '', form)).status).toBe(409)
    expect((await stateOf()).state).toBe('approved')
  })

  test('says what somebody else has decided', async () => {
    const form = formOf(await ana.get(page))
    await decide(id, 'deny', 'Root says no.')
    const answer = await ana.decide(page, 'approve', 'I had written this.', form)
    expect([answer.status, alertOf(answer).includes('too late')]).toEqual([409, true])
    expect(read(answer)).toMatch(/Decided by root .* Reason Root says no\./)
    expect(read(answer)).toContain('You had written: I had written this.')
  })

  test('says that the time is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now())
    const form = formOf(await ana.get(page))
    vi.setSystemTime(Date.now() + 15 * 60_000)
    const answer = await ana.decide(page, 'approve', '', form)
    expect([answer.status, read(answer).includes('A call whose time is over')]).toEqual([409, true])
    expect(read(answer)).toContain('The agent has to ask again.')
    expect(answer.text).not.toContain(ACCOUNT)
  })
})

test('what an agent sends is text, and shows what it hides', async () => {
  const evil = `</pre></dl><form action="https://evil.example"><script>x()</script>\u202Egnp.${ACCOUNT}\u200B`
  const seen = await ana.get(`/t/acme/approvals/${await ask({ account_id: evil })}`)
  expect(seen.text).not.toMatch(/<script|evil\.example">|[\u202E\u200B]/)
  expect(seen.text.match(/<form/g)).toHaveLength(2)
  expect(read(seen)).toContain('⟦U+202E⟧ gnp.')
  expect(read(seen)).toContain('2 characters that cannot be seen')
})

describe('the list', () => {
  test('has what waits, each with the way to its page, for whoever is signed in', async () => {
    const other = await ask({ account_id: `${ACCOUNT}-2` })
    const done = await ask({ account_id: `${ACCOUNT}-3` })
    await decide(done, 'deny')
    await told()
    const theirs = await makeGrant('globex', 'bot', ASKS)
    const globex = errorOf(await track(theirs, { account_id: ACCOUNT })).approval
    await told('globex/bot')
    for (const visitor of [ana, await signedIn('vera', 'viewer')]) {
      const { status, text } = await visitor.get('/t/acme/approvals')
      const links = [...text.matchAll(/href="(\/t\/acme\/approvals\/[^"]+)"/g)].map(([, href]) => href)
      expect([status, links]).toEqual([200, [`/t/acme/approvals/${other}`, page]])
      expect(text).not.toContain(globex)
      expect(text).not.toContain(ACCOUNT)
    }
    expect(whole(await ana.get('/t/acme/approvals/'))).toEqual(whole(await ana.get('/t/acme/approvals')))
  })

  test('says that there are more than it shows', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => ask({ account_id: `${ACCOUNT}-${i}` })))
    await told()
    const seen = await ana.get('/t/acme/approvals')
    expect(seen.text.match(/<li>/g)).toHaveLength(50)
    expect(read(seen)).toContain('There are more than these 50')
  })
})

test('a decision that cannot be made is a page, and is not made', async () => {
  const form = formOf(await ana.get(page))
  const PRINCIPAL = {
    getByName: () => {
      throw new Error(ACCOUNT)
    },
  }
  const failing = new Visitor({
    bindings: { PRINCIPAL, IGNORE_JURISDICTION: env.IGNORE_JURISDICTION } as unknown as Partial<Env>,
  })
  for (const [key, value] of ana.cookies) failing.cookies.set(key, value)
  const answer = await failing.decide(page, 'approve', '', form)
  expect([answer.status, read(answer).includes('load the page anew')]).toEqual([503, true])
  expect((await stateOf()).state).toBe('pending')
})
