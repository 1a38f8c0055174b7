/** Approvals of an agent whose grant is revoked, or opens with another token alone: whoever comes after it has none of them. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, makeGrant, tenantObject, tenantRows } from '../support/admin.ts'
import { fresh, principal, rows } from '../support/gateway.ts'
import { decide, errorOf, told, track } from './support.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const LATER = START + 60_000
const NAME = 'acme/bot'

const POLICY = {
  version: '1',
  default: 'allow',
  tools: { track_logout: { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] } },
}

let token = ''

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  token = await makeGrant('acme', 'bot', POLICY)
})
afterEach(async () => {
  await told()
  vi.useRealTimers()
})

const args = (account_id: string) => ({ account_id })
const ask = async (account: string) => errorOf(await track(token, args(account))).approval
const requestOf = async (id: string) => {
  const held = await rows<{ id: string; r: string }>('SELECT id, request_id AS r FROM approvals', NAME)
  return held.find((row) => row.id === id)?.r ?? ''
}
/** One in each state that can be left. */
async function oneOfEach() {
  const [pending, approved, asking, used, denied] = [
    await ask('pending'),
    await ask('approved'),
    await ask('asking'),
    await ask('used'),
    await ask('denied'),
  ]
  for (const id of [approved, asking, used]) await decide(id, 'approve', 'Fine.')
  await decide(denied, 'deny', 'No.')
  for (const account of ['asking', 'used']) expect((await track(token, args(account))).isError).toBe(false)
  await principal(NAME).reopenApproval(await requestOf(asking), 'state')
  await told()
  vi.setSystemTime(LATER)
  return { pending, approved, asking, used, denied }
}
const shown = async (id: string) => (await admin('GET', `acme/approvals/${id}`)).body
const revoke = () => admin('DELETE', 'acme/grants/bot')
const again = () => makeGrant('acme', 'bot', POLICY)

describe('a grant that is revoked', () => {
  test('leaves nothing to the next of its name', async () => {
    const ids = Object.entries(await oneOfEach())
    await revoke()
    token = await again()
    for (const [account, id] of ids) {
      const held = errorOf(await track(token, args(account)))
      expect([account, held.code, held.approval === id]).toEqual([account, 'approval_required', false])
    }
    expect(await rows("SELECT 1 FROM outbox WHERE tool = 'track_logout'", NAME)).toHaveLength(2)
  })

  test('says what became of each, in the list and on record, once', async () => {
    const { pending, approved, asking, used, denied } = await oneOfEach()
    await revoke()
    await told()
    const over = { expires_at: new Date(LATER).toISOString() }
    expect(await shown(pending)).toMatchObject({
      ...{ ...over, state: 'expired', decided_by: null, reason: 'The grant was revoked.' },
    })
    expect(await shown(approved)).toMatchObject({
      ...over,
      state: 'expired',
      decided_by: 'root',
      reason: 'Fine.',
    })
    expect(await shown(asking)).toMatchObject({ ...over, state: 'used', reason: 'Fine.' })
    expect(await shown(used)).toMatchObject({ state: 'used' })
    expect(await shown(denied)).toMatchObject({ state: 'denied', reason: 'No.' })
    const list = async (state: string) => {
      const { body } = await admin('GET', `acme/approvals?state=${state}`)
      return ((body?.items ?? []) as { id: string }[]).map(({ id }) => id).sort()
    }
    expect(await list('expired')).toEqual([pending, approved].sort())
    expect([await list('pending'), await list('approved'), await list('asking')]).toEqual([[], [], []])
    expect(await list('used')).toEqual([asking, used].sort())
    expect((await decide(pending, 'approve')).status).toBe(409)
    expect((await decide(approved, 'deny')).status).toBe(409)
    await revoke()
    await told()
    const closed = await tenantRows<{ subject: string; actor: string; detail: string }>(
      'acme',
      "SELECT subject, actor, detail FROM changes WHERE action = 'approval.close' ORDER BY seq",
    )
    expect(closed.map(({ subject, actor, detail }) => [subject, actor, JSON.parse(detail).from])).toEqual([
      [`approval/${pending}`, 'gateway', 'pending'],
      [`approval/${approved}`, 'gateway', 'approved'],
      [`approval/${asking}`, 'gateway', 'asking'],
    ])
    expect(JSON.parse(closed[0]?.detail ?? '')).toMatchObject({
      grant: 'bot',
      server: 'legiti',
      tool: 'track_logout',
    })
  })

  test('has its calls go on no more, and nothing given back', async () => {
    const { asking, used } = await oneOfEach()
    const request = await requestOf(used)
    await revoke()
    await again()
    await principal(NAME).refund(request)
    await principal(NAME).reopenApproval(request, 'state')
    expect([(await shown(used))?.state, (await shown(asking))?.state]).toEqual(['used', 'used'])
  })
})

describe('whoever takes a token or a grant away', () => {
  const states = async () => {
    const { body } = await admin('GET', 'acme/approvals')
    const items = (body?.items ?? []) as { id: string; state: string }[]
    return Object.fromEntries(items.map(({ id, state }) => [id, state]))
  }
  const warnings = (answer: { body: unknown }) => (answer.body as { warnings: string[] }).warnings

  test.each([
    ['POST', 'acme/grants/bot/rotate', 'because the token that asked for them was replaced'],
    ['DELETE', 'acme/grants/bot', 'because the grant is revoked'],
  ])('with %s %s is told how many approvals that closes, and the list says so at once', async (...of) => {
    const [method, path, because] = of
    const { pending, approved, asking, used, denied } = await oneOfEach()
    const answer = await admin(method, path, method === 'POST' ? {} : undefined)
    expect(warnings(answer)).toEqual([
      expect.stringMatching(`^Approvals that are closed \\(.*: 3, ${because}`),
    ])
    expect(await states()).toEqual({
      ...{
        [pending]: 'expired',
        [approved]: 'expired',
        [asking]: 'used',
        [used]: 'used',
        [denied]: 'denied',
      },
    })
  })

  test('is told also of those that the list did not have yet, and of none where there are none', async () => {
    await told()
    expect(warnings(await admin('POST', 'acme/grants/bot/rotate', {}))).toEqual([])
    token = String((await admin('POST', 'acme/grants/bot/rotate', {})).body?.token)
    await ask('late')
    expect(warnings(await admin('POST', 'acme/grants/bot/rotate', {}))).toEqual([
      expect.stringContaining('yet): 1, because'),
    ])
    expect(Object.values(await states())).toEqual(['expired'])
  })

  test('leaves them with an overlap, and is told so', async () => {
    const { pending, approved, asking } = await oneOfEach()
    const answer = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 60 })
    expect(warnings(answer)).toEqual([
      expect.stringMatching(
        /^Approvals that stay \(.*: 3, also for the new token, each until its own time is over\.$/,
      ),
    ])
    expect(await states()).toMatchObject({ [pending]: 'pending', [approved]: 'approved', [asking]: 'asking' })
  })

  test('is told where the grant could not be told yet, so that they are open still', async () => {
    const pending = await ask('pending')
    await told()
    const restored = await runInDurableObject(tenantObject('acme'), (instance) => {
      const { env: real } = instance as unknown as { env: unknown }
      const dead = { installGrant: () => Promise.reject(new Error('away')) }
      Object.assign(instance, { env: { ...(real as object), PRINCIPAL: { getByName: () => dead } } })
      return real !== undefined
    })
    expect(restored).toBe(true)
    const answer = await admin('POST', 'acme/grants/bot/rotate', {})
    expect(answer.body).toMatchObject({ pending: 1 })
    expect(warnings(answer)).toEqual([
      expect.stringMatching(
        /^Approvals that are closed as soon as .*: 1\. Until then the token before this one is good\.$/,
      ),
    ])
    expect(await states()).toMatchObject({ [pending]: 'pending' })
    await evictDurableObject(tenantObject('acme'))
  })
})

describe('a token', () => {
  test('that takes the place of another at once takes no approval over', async () => {
    const { approved, pending } = await oneOfEach()
    const { body } = await admin('POST', 'acme/grants/bot/rotate', {})
    token = String(body?.token)
    expect(errorOf(await track(token, args('approved'))).approval).not.toBe(approved)
    expect(await shown(pending)).toMatchObject({
      ...{ state: 'expired', reason: 'The token that the call was asked for with was replaced.' },
    })
  })

  test('of a grant that was made anew, which its principal was told of alone, takes none over', async () => {
    const { approved } = await oneOfEach()
    const [grant] = await rows<{ config: string }>('SELECT config FROM grants', NAME)
    await principal(NAME).installGrant({
      ...{ tenant: 'acme', name: 'bot', label: 'Bot', expiresAtMs: null },
      secretHash: new Uint8Array(32).fill(7),
      config: JSON.parse(grant?.config ?? ''),
    })
    expect(await shown(approved)).toMatchObject({ state: 'expired' })
  })

  test('that is added takes them over, as does any other change', async () => {
    const { approved, pending } = await oneOfEach()
    const { body } = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 60 })
    token = String(body?.token)
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', label: 'Another' })
    expect(await ask('pending')).toBe(pending)
    expect((await track(token, args('approved'))).isError).toBe(false)
    expect(await shown(approved)).toMatchObject({ state: 'used' })
    vi.setSystemTime(LATER + 120_000)
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', label: 'Yet another' })
    expect(await ask('pending')).toBe(pending)
  })
})
