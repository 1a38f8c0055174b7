/** One approval, one call: whatever its server answers, whoever comes back with what, and whatever dies in between. */

import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ApprovalAsked, type GivenBack, MOST_REOPENINGS } from '../../src/contract/approvals.ts'
import type { AdmitAnswer, AdmitRequest } from '../../src/contract/principal.ts'
import { decideApproval } from '../../src/principal/tables/approval-decisions.ts'
import {
  giveBackApproval,
  goesOn,
  type Held,
  holdCall,
  useApproval,
} from '../../src/principal/tables/approvals.ts'
import { admin, makeGrant, tenantRows } from '../support/admin.ts'
import { shownByHash } from '../support/credential.ts'
import { fresh, principal, rows } from '../support/gateway.ts'
import { ASKS, told } from './support.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const NAME = 'acme/bot'

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  await makeGrant('acme', 'bot', ASKS)
})
afterEach(async () => {
  await told()
  vi.useRealTimers()
})

/** As the object itself does it: in one transaction, with its own tables. */
const inObject = <T>(work: (sql: SqlStorage) => T): Promise<T> =>
  runInDurableObject(principal(NAME), (_, { storage }) => storage.transactionSync(() => work(storage.sql)))

const call = { server: 'crm', tool: 'pay', argumentNames: ['to'], argumentsHmac: 'k:abc' }
const asking: ApprovalAsked = {
  digests: ['digest'],
  rule: '/r',
  message: 'Ask Ana.',
  base: 'https://gate.example',
  continues: null,
  isEarly: false,
}

/** The call, which begins or brings what the server of an earlier one asked for. */
const hold = (more: Partial<ApprovalAsked> = {}, account: string | null = null): Promise<Held> =>
  inObject((sql) =>
    holdCall(
      {
        sql,
        grant: 'bot',
        configVersion: 'v',
        grantEndsMs: null,
        expiresInMs: 900_000,
        nowMs: Date.now(),
        newId: () => crypto.randomUUID(),
      },
      {
        transport: null,
        sessionId: null,
        account,
        incarnation: '',
        client: null,
        call,
        asked: { ...asking, ...more },
      },
    ),
  )
/** The retry of the call that waits in the gateway since `request` began it. */
const continued = (request: string): Promise<Held> =>
  inObject((sql) => goesOn({ sql, grant: 'bot', nowMs: Date.now() }, request))
const idIn = (held: Held) => {
  if (held.kind === 'held' || held.kind === 'exhausted') return held.approval.id
  return 'id' in held ? (held.id ?? '') : ''
}
const decide = (id: string, decision: 'approve' | 'deny') =>
  inObject((sql) =>
    decideApproval(sql, { id, decision, reason: null, by: null, owner: null }, 'bot', Date.now()),
  )
const use = (id: string, request: string) =>
  inObject((sql) => useApproval(sql, { id, requestId: request, grant: 'bot' }, Date.now()))
const giveBack = (request: string, how: GivenBack) =>
  inObject((sql) => giveBackApproval(sql, { requestId: request, how, grant: 'bot' }, Date.now()))
const asks = (request: string, continuation: string) => giveBack(request, { kind: 'asking', continuation })
const stateOf = async (id: string) => (await principal(NAME).approval(id))?.state

/** An approval whose call `r1` is at its server. */
async function atServer(): Promise<string> {
  const id = idIn(await hold())
  await decide(id, 'approve')
  await use(id, 'r1')
  return id
}

describe('a call whose server asks for input', () => {
  test('is gone on with by whoever brings the state that the server gave, and by nobody else', async () => {
    const id = await atServer()
    expect(await asks('r1', 's1')).toBe(id)
    expect(await stateOf(id)).toBe('asking')
    const begun = await hold()
    expect([begun.kind, idIn(begun) === id]).toEqual(['held', false])
    const foreign = await hold({ continues: 'another', isEarly: true })
    expect([foreign.kind, idIn(foreign) === id]).toEqual(['held', false])
    expect(idIn(await hold({ continues: 's1' }, 'bea'))).not.toBe(id)
    expect(await hold({ continues: 's1', digests: ['others'] })).not.toMatchObject({ kind: 'approved' })
    expect(await hold({ continues: 's1' })).toEqual({ kind: 'approved', id })
  })

  test('goes on once: of two retries the second has to be approved', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    await use(idIn(await hold({ continues: 's1' })), 'r2')
    // It waits for a moment, for the first may come back; then it is a call like any other.
    expect(await hold({ continues: 's1', isEarly: true })).toMatchObject({
      kind: 'held',
      approval: { id, state: 'used' },
    })
    const second = await hold({ continues: 's1' })
    expect(second).toMatchObject({ kind: 'held', approval: { state: 'pending' } })
    expect(idIn(second)).not.toBe(id)
  })

  test('goes on only with the last state that the server gave', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    await use(id, 'r2')
    await asks('r2', 's2')
    expect(idIn(await hold({ continues: 's1' }))).not.toBe(id)
    expect(await hold({ continues: 's2' })).toEqual({ kind: 'approved', id })
  })

  test('waits for its own news where the retry overtakes it, not for another approval', async () => {
    const id = await atServer()
    const another = idIn(await hold())
    expect(await hold({ continues: 's1', isEarly: true })).toMatchObject({ approval: { id, state: 'used' } })
    await asks('r1', 's1')
    expect(await hold({ continues: 's1', isEarly: true })).toEqual({ kind: 'approved', id })
    expect(await stateOf(another)).toBe('pending')
  })

  test('is not gone on with once its time is over, and news that comes then changes nothing', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    vi.setSystemTime(START + 900_000)
    expect(await stateOf(id)).toBe('used')
    expect(idIn(await hold({ continues: 's1' }))).not.toBe(id)
    expect((await decide(id, 'deny')).kind).toBe('conflict')
    vi.setSystemTime(START)
    await use(id, 'r2')
    vi.setSystemTime(START + 900_000)
    expect(await asks('r2', 's2')).toBeNull()
  })

  test('whose next delivery surely did not happen may be gone on with as before, not begun', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    await use(id, 'r2')
    await giveBack('r2', { kind: 'undone', isAnswered: false })
    expect(await stateOf(id)).toBe('asking')
    expect(idIn(await hold())).not.toBe(id)
    expect(await hold({ continues: 's1' })).toEqual({ kind: 'approved', id })
  })

  test('goes on so often and no more, and is told so', async () => {
    const id = await atServer()
    for (let i = 1; i <= MOST_REOPENINGS; i++) {
      await asks(`r${i}`, `s${i}`)
      expect(await hold({ continues: `s${i}` })).toEqual({ kind: 'approved', id })
      await use(id, `r${i + 1}`)
    }
    await asks(`r${MOST_REOPENINGS + 1}`, 'last')
    expect(await stateOf(id)).toBe('used')
    expect(await hold({ continues: 'last', isEarly: true })).toMatchObject({
      kind: 'exhausted',
      approval: { id },
    })
    expect(await hold()).toMatchObject({ kind: 'held', approval: { state: 'pending' } })
  })

  test('said twice is asked once', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    expect(await asks('r1', 's1')).toBeNull()
    expect(await rows('SELECT reopenings FROM approvals', NAME)).toEqual([{ reopenings: 1 }])
    expect(await stateOf(id)).toBe('asking')
  })
})

describe('an approval that is given back after the call was asked for again', () => {
  test('is used before another that waits', async () => {
    const id = await atServer()
    const another = idIn(await hold())
    await giveBack('r1', { kind: 'undone', isAnswered: false })
    expect(await hold()).toEqual({ kind: 'approved', id })
    await use(id, 'r2')
    expect(await hold()).toMatchObject({ kind: 'held', approval: { id: another, state: 'pending' } })
  })

  test('is not used before a denial of the call that came after it', async () => {
    const id = await atServer()
    const another = idIn(await hold())
    await decide(another, 'deny')
    await giveBack('r1', { kind: 'undone', isAnswered: false })
    expect(await hold()).toMatchObject({ kind: 'held', approval: { id: another, state: 'denied' } })
    expect(await stateOf(id)).toBe('approved')
  })

  test('and was denied does not keep another from being asked about', async () => {
    const id = await atServer()
    const another = idIn(await hold())
    await decide(id, 'deny')
    await giveBack('r1', { kind: 'undone', isAnswered: false })
    expect(await hold()).toMatchObject({ kind: 'held', approval: { id: another, state: 'pending' } })
  })
})

test('a call that was held under an earlier key is found under the next', async () => {
  const id = idIn(await hold())
  expect(idIn(await hold({ digests: ['next', 'digest'] }))).toBe(id)
  const other = idIn(await hold({ digests: ['next'] }))
  expect(other).not.toBe(id)
})

describe('a server that says again and again that it has done nothing', () => {
  test('gets the call so often and no more', async () => {
    const id = await atServer()
    for (let i = 1; i <= MOST_REOPENINGS; i++) {
      await giveBack(`r${i}`, { kind: 'undone', isAnswered: true })
      expect(await hold()).toEqual({ kind: 'approved', id })
      await use(id, `r${i + 1}`)
    }
    await giveBack(`r${MOST_REOPENINGS + 1}`, { kind: 'undone', isAnswered: true })
    expect(await stateOf(id)).toBe('used')
    expect(idIn(await hold())).not.toBe(id)
  })

  test('is another than one that is not reached: that may be tried as often as there is time', async () => {
    const id = await atServer()
    for (let i = 1; i <= MOST_REOPENINGS + 2; i++) {
      await giveBack(`r${i}`, { kind: 'undone', isAnswered: false })
      await use(id, `r${i + 1}`)
    }
    await giveBack(`r${MOST_REOPENINGS + 3}`, { kind: 'undone', isAnswered: false })
    expect(await hold()).toEqual({ kind: 'approved', id })
  })
})

describe('a denial while the call is at its server', () => {
  test('counts for what its server asks', async () => {
    const id = await atServer()
    const another = idIn(await hold())
    await decide(another, 'approve')
    expect(await decide(id, 'deny')).toMatchObject({
      kind: 'decided',
      approval: { state: 'denied', usedAtMs: START },
    })
    expect([await asks('r1', 's1'), await asks('r1', 's1')]).toEqual([id, null])
    // The other one is for a call that begins: it does not let this one go on.
    for (const isEarly of [true, false])
      expect(await hold({ continues: 's1', isEarly })).toMatchObject({
        kind: 'held',
        approval: { id, state: 'denied' },
      })
    expect(await hold()).toEqual({ kind: 'approved', id: another })
  })

  test('holds for the same call begun anew, for as long as it would have waited', async () => {
    const id = await atServer()
    await decide(id, 'deny')
    expect(await hold()).toMatchObject({ kind: 'held', approval: { id, state: 'denied' } })
    vi.setSystemTime(START + 900_000)
    expect(await hold()).toMatchObject({ approval: { state: 'pending' } })
  })

  test('counts before the news of the question, too', async () => {
    const id = await atServer()
    await decide(id, 'deny')
    expect(await hold({ continues: 's1', isEarly: true })).toMatchObject({
      approval: { id, state: 'denied' },
    })
  })

  test('counts where the call comes back undone, and then says that none was made', async () => {
    const id = await atServer()
    await decide(id, 'deny')
    await giveBack('r1', { kind: 'undone', isAnswered: false })
    expect(await principal(NAME).approval(id)).toMatchObject({ state: 'denied', usedAtMs: null })
  })

  test('counts while its server waits for an answer', async () => {
    const id = await atServer()
    await asks('r1', 's1')
    expect((await decide(id, 'approve')).kind).toBe('conflict')
    expect(await decide(id, 'deny')).toMatchObject({ approval: { state: 'denied', usedAtMs: START } })
    expect(await hold({ continues: 's1' })).toMatchObject({ approval: { id, state: 'denied' } })
  })

  test('is over when its time is', async () => {
    const id = await atServer()
    vi.setSystemTime(START + 900_000)
    expect((await decide(id, 'deny')).kind).toBe('conflict')
  })

  test('is on record once, and told to whoever waits for it', async () => {
    await admin('PUT', 'acme/webhooks/ops', { url: 'https://hooks.example.com/x' })
    const id = await atServer()
    await decide(id, 'deny')
    await asks('r1', 's1')
    await told()
    const changes = await tenantRows<{ action: string; detail: string }>(
      'acme',
      `SELECT action, detail FROM changes WHERE subject = 'approval/${id}' ORDER BY seq`,
    )
    expect(changes.map(({ action }) => action)).toEqual(['approval.approve', 'approval.deny'])
    expect(JSON.parse(changes[1]?.detail ?? '')).toEqual({
      grant: 'bot',
      server: 'crm',
      tool: 'pay',
      rule: '/r',
      arguments_hmac: 'k:abc',
      reason: null,
      used: '2030-01-01T10:00:00.000Z',
    })
    expect(await tenantRows('acme', 'SELECT state FROM approvals')).toEqual([{ state: 'denied' }])
    const { body } = await admin('GET', 'acme/webhooks/ops/messages')
    const { items } = body as { items: { type: string }[] }
    expect(items.map(({ type }) => type).sort()).toEqual([
      'approval.decided',
      'approval.decided',
      'approval.pending',
    ])
  })
})

describe('a call that the gateway holds at its server', () => {
  test('goes on, unless the approval that it began by was denied', async () => {
    const id = await atServer()
    expect(await continued('r1')).toEqual({ kind: 'under_way', id })
    await decide(id, 'deny')
    expect(await continued('r1')).toMatchObject({ kind: 'held', approval: { id, state: 'denied' } })
  })

  test('goes on by itself where nobody was asked about it', async () => {
    const id = await atServer()
    await decide(id, 'deny')
    expect(await continued('r0')).toEqual({ kind: 'under_way', id: null })
    // A state that cannot be read; no exchange takes it.
    expect(await continued('')).toEqual({ kind: 'under_way', id: null })
  })

  test('is not taken for another like it that was approved later', async () => {
    const first = await atServer()
    const second = idIn(await hold())
    await decide(first, 'deny')
    await decide(second, 'approve')
    await use(second, 'r2')
    expect(await continued('r1')).toMatchObject({ kind: 'held', approval: { id: first, state: 'denied' } })
    expect(await continued('r2')).toEqual({ kind: 'under_way', id: second })
  })

  test('that was denied in time does not go on after it, nor does any other', async () => {
    const first = await atServer()
    const second = idIn(await hold())
    await decide(second, 'approve')
    await use(second, 'r2')
    vi.setSystemTime(START + 899_000)
    await decide(first, 'deny')
    expect(await continued('r2')).toEqual({ kind: 'under_way', id: second })
    vi.setSystemTime(START + 901_000)
    expect(await continued('r1')).toMatchObject({ kind: 'held', approval: { id: first, state: 'denied' } })
    expect(await continued('r2')).toMatchObject({ kind: 'late', approval: { id: second, state: 'used' } })
  })

  test('does not go on for whoever has the name of a grant that was revoked', async () => {
    const id = await atServer()
    vi.setSystemTime(START + 1_000)
    await principal(NAME).revoke()
    expect(await continued('r1')).toMatchObject({ kind: 'late', approval: { id, state: 'used' } })
  })

  describe('asked for by whoever has the token', () => {
    const hash = async () =>
      new Uint8Array(
        (await rows<{ h: ArrayBuffer }>('SELECT secret_hash AS h FROM grants', NAME))[0]?.h ?? [],
      )
    const admit = async (more: Partial<AdmitRequest>): Promise<AdmitAnswer> => {
      const none = { transport: null, handle: null, configVersion: null, upstream: null, settled: [] }
      const who = { tenant: 'acme', grant: 'bot', credential: shownByHash(await hash()) }
      const requestId = crypto.randomUUID()
      return principal(NAME).admit({ ...who, ...none, requestId, intent: { kind: 'check' }, ...more })
    }
    const intent = (more: object): AdmitRequest['intent'] => ({
      ...{ kind: 'call', call, rule: '/r', charges: [], shadow: [], assumed: null },
      ...{ approval: null, begunBy: null, work: { kind: 'none' } },
      ...more,
    })
    const login = async () => {
      const work = { kind: 'login', provider: 'trusted', account: 'ana' }
      const answer = await admit({ intent: intent({ work }) })
      return answer.kind === 'admitted' ? (answer.admitted.session?.id ?? '') : answer.kind
    }

    test.each([
      ['in its session', (handle: string) => handle],
      ['without its session', () => null],
      ['after another login', () => login()],
    ])('%s, it does not go on once it was denied', async (_, handleOf) => {
      const handle = await login()
      const held = await admit({ intent: intent({ handle, approval: asking }) })
      const id = held.kind === 'approval' ? held.approval.id : held.kind
      await decide(id, 'approve')
      const begun = await admit({ requestId: 'r1', intent: intent({ handle, approval: asking }) })
      expect(begun.kind).toBe('admitted')
      const retry = async () => admit({ intent: intent({ handle: await handleOf(handle), begunBy: 'r1' }) })
      expect((await retry()).kind).toBe('admitted')
      await decide(id, 'deny')
      expect(await retry()).toMatchObject({
        kind: 'approval',
        stopped: null,
        approval: { id, state: 'denied' },
      })
      const decisions = await rows(
        'SELECT decision, approval FROM audit WHERE approval IS NOT NULL ORDER BY seq',
        NAME,
      )
      expect(decisions.slice(-3)).toEqual([
        { decision: 'allow', approval: id },
        { decision: 'allow', approval: id },
        { decision: 'deny', approval: id },
      ])
    })

    test('by a Worker that does not say what it goes on with, it is a call of its own', async () => {
      const id = idIn(await hold())
      await decide(id, 'approve')
      await use(id, 'r1')
      const { begunBy: _, ...earlier } = intent({ approval: asking }) as Extract<
        AdmitRequest['intent'],
        { kind: 'call' }
      >
      const answer = await admit({ intent: earlier as AdmitRequest['intent'] })
      expect(answer).toMatchObject({ kind: 'approval', approval: { state: 'pending' } })
    })

    test('past its time it is refused, on record', async () => {
      const id = idIn(await hold())
      await decide(id, 'approve')
      await use(id, 'r1')
      vi.setSystemTime(START + 900_000)
      expect(await admit({ intent: intent({ begunBy: 'r1' }) })).toMatchObject({
        kind: 'approval',
        stopped: 'late',
        approval: { id },
      })
      expect(
        await rows('SELECT decision, rule, approval FROM audit ORDER BY seq DESC LIMIT 1', NAME),
      ).toEqual([{ decision: 'refuse', rule: '(approval expired)', approval: id }])
    })
  })
})

describe('whatever dies', () => {
  /** The object is gone from memory between all of these. */
  const crash = () => evictDurableObject(principal(NAME))

  test('held, told, approved, used, asking, gone on with, denied: each is found as it was written', async () => {
    const id = idIn(await hold())
    await crash()
    expect(idIn(await hold())).toBe(id)
    await crash()
    await told()
    expect(await tenantRows('acme', 'SELECT id, state FROM approvals')).toEqual([{ id, state: 'pending' }])
    await decide(id, 'approve')
    await crash()
    expect(await hold()).toEqual({ kind: 'approved', id })
    await use(id, 'r1')
    await crash()
    await asks('r1', 's1')
    await crash()
    expect(await hold({ continues: 's1' })).toEqual({ kind: 'approved', id })
    await use(id, 'r2')
    await crash()
    await decide(id, 'deny')
    await crash()
    await asks('r2', 's2')
    await crash()
    expect(await hold({ continues: 's2' })).toMatchObject({ approval: { id, state: 'denied' } })
    await told()
    expect(await tenantRows('acme', 'SELECT id, state FROM approvals')).toEqual([{ id, state: 'denied' }])
    expect(await rows('SELECT 1 FROM announcements', NAME)).toEqual([])
  })

  test('news of a question that is lost leaves the call used: the retry is one of its own', async () => {
    const id = await atServer()
    await crash()
    expect(await hold({ continues: 's1', isEarly: true })).toMatchObject({ approval: { id, state: 'used' } })
    const own = await hold({ continues: 's1' })
    expect(own).toMatchObject({ kind: 'held', approval: { state: 'pending' } })
    expect(idIn(own)).not.toBe(id)
  })

  test('a transaction that fails half-way has neither used nor given back anything', async () => {
    const id = idIn(await hold())
    await decide(id, 'approve')
    const failing = (work: (sql: SqlStorage) => void) =>
      inObject((sql) => {
        work(sql)
        throw new Error('the disk')
      }).catch(() => 'failed')
    expect(await failing((sql) => useApproval(sql, { id, requestId: 'r1', grant: 'bot' }, START))).toBe(
      'failed',
    )
    expect(await hold()).toEqual({ kind: 'approved', id })
    await use(id, 'r1')
    const asked = { kind: 'asking', continuation: 's1' } as const
    await failing((sql) => giveBackApproval(sql, { requestId: 'r1', how: asked, grant: 'bot' }, START))
    expect(await stateOf(id)).toBe('used')
    expect(await asks('r1', 's1')).toBe(id)
    await failing((sql) =>
      decideApproval(sql, { id, decision: 'deny', reason: null, by: null, owner: null }, 'bot', START),
    )
    expect(await hold({ continues: 's1' })).toEqual({ kind: 'approved', id })
    const announced = await rows<{ id: string }>('SELECT id FROM announcements ORDER BY seq', NAME)
    expect(announced.map((it) => it.id)).toEqual([1, 2, 3, 4].map((revision) => `${id}_${revision}`))
  })
})
