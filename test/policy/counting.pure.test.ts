import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  countAgain,
  prospectsOf,
  refund,
  reserve,
  type Subject,
  type Taken,
} from '../../src/policy/counting.ts'
import { decide } from '../../src/policy/decide.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Charge } from '../../src/policy/model.ts'
import { stretchAt, windowOf } from '../../src/policy/window.ts'
import { MemoryCounters } from './support.ts'

const NOW = Date.parse('2030-01-01T10:00:00Z')
const SUBJECT: Subject = { session: 's1', account: 'ana' }

function charge(more: Partial<Charge> = {}): Charge {
  return {
    rule: '/r',
    counter: 'c',
    key: 'k',
    window: windowOf('minute', false),
    scope: 'grant',
    max: '2',
    strict: false,
    amount: '1',
    unit: 'calls',
    message: null,
    shadow: false,
    ...more,
  }
}

describe('a reservation', () => {
  test('takes from every limit, or from none', () => {
    const store = new MemoryCounters()
    const charges = [charge({ key: 'a' }), charge({ key: 'b', max: '1', rule: '/b', message: 'Slow.' })]
    expect(reserve(store, charges, SUBJECT, NOW)).toMatchObject({
      ok: true,
      taken: [
        ['a', NOW, '1'],
        ['b', NOW, '1'],
      ],
      standings: [
        { rule: '/r', max: '2', remaining: '1', resetsAtMs: NOW + 60_000 },
        { rule: '/b', remaining: '0' },
      ],
    })
    expect(reserve(store, charges, SUBJECT, NOW + 1_000)).toEqual({
      ok: false,
      limited: {
        rule: '/b',
        counter: 'c',
        window: 'minute',
        windowMs: 60_000,
        scope: 'grant',
        unit: 'calls',
        strict: false,
        max: '1',
        remaining: '0',
        amount: '1',
        resetsAtMs: NOW + 60_000,
        nowMs: NOW + 1_000,
        message: 'Slow.',
        canRetry: true,
      },
    })
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['1', '1'])
  })

  test('without limits takes nothing', () => {
    expect(reserve(new MemoryCounters(), [], SUBJECT, NOW)).toEqual({
      ok: true,
      taken: [],
      standings: [],
      shadow: [],
    })
  })

  test('charges a counter once, however many limits share it, and each must have room', () => {
    const store = new MemoryCounters()
    const both = [charge({ max: '5' }), charge({ max: '2', strict: true, rule: '/strict' })]
    expect(reserve(store, both, SUBJECT, NOW).ok).toBe(true)
    expect(reserve(store, both, SUBJECT, NOW)).toMatchObject({ ok: false, limited: { rule: '/strict' } })
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['1'])
  })

  test('adds up money exactly, and a call that is more than the limit need not come again', () => {
    const store = new MemoryCounters()
    const pay = (amount: string) => [charge({ max: '0.3', amount, unit: 'sum' })]
    expect(reserve(store, pay('0.1'), SUBJECT, NOW).ok).toBe(true)
    expect(reserve(store, pay('0.2'), SUBJECT, NOW)).toMatchObject({
      ok: true,
      standings: [{ remaining: '0' }],
    })
    expect(reserve(store, pay('0.0001'), SUBJECT, NOW)).toMatchObject({
      ok: false,
      limited: { canRetry: true },
    })
    expect(reserve(store, pay('0.31'), SUBJECT, NOW + 60_000)).toMatchObject({
      ok: false,
      limited: { canRetry: false, amount: '0.31', remaining: '0.3' },
    })
    expect(reserve(store, pay('0'), SUBJECT, NOW)).toMatchObject({ ok: true, taken: [] })
  })

  test('looks at a counter without moving it', () => {
    const store = new MemoryCounters()
    const look = [charge({ amount: '0', max: '0' })]
    expect(reserve(store, look, SUBJECT, NOW)).toMatchObject({ ok: true, taken: [] })
    reserve(store, [charge()], SUBJECT, NOW)
    expect(reserve(store, look, SUBJECT, NOW)).toMatchObject({ ok: false, limited: { remaining: '0' } })
  })

  test('counts without limiting', () => {
    const store = new MemoryCounters()
    for (let i = 0; i < 5; i++) {
      expect(reserve(store, [charge({ max: null })], SUBJECT, NOW)).toMatchObject({ ok: true, standings: [] })
    }
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['5'])
  })

  test('in shadow counts on past its limit, and says what it would have done', () => {
    const store = new MemoryCounters()
    const watch = [charge({ max: '1', shadow: true }), charge({ key: 'real', max: '9' })]
    expect(reserve(store, watch, SUBJECT, NOW)).toMatchObject({
      ok: true,
      shadow: [],
      standings: { length: 1 },
    })
    expect(reserve(store, watch, SUBJECT, NOW)).toMatchObject({
      ok: true,
      taken: [
        ['k', NOW, '1'],
        ['real', NOW, '1'],
      ],
      shadow: [{ action: 'deny', rule: '/r', message: 'The limit of 1 is used up.' }],
    })
    expect(
      reserve(store, [charge({ max: '1', shadow: true, message: 'Slow.' })], SUBJECT, NOW),
    ).toMatchObject({
      shadow: [{ message: 'Slow.' }],
    })
  })

  test('in shadow does not disarm a limit that looks at the same counter', () => {
    const store = new MemoryCounters()
    for (let i = 0; i < 20; i++) reserve(store, [charge({ max: '5', shadow: true })], SUBJECT, NOW)
    expect(reserve(store, [charge({ max: '10', amount: '0' })], SUBJECT, NOW).ok).toBe(false)
  })

  test('counts by session or account, and without one in a bucket of its own', () => {
    const store = new MemoryCounters()
    const by = (scope: Charge['scope'], subject: Partial<Subject>) =>
      reserve(
        store,
        [charge({ scope, key: scope, max: '1' })],
        { session: null, account: null, ...subject },
        NOW,
      ).ok
    expect([by('session', { session: 's1' }), by('session', { session: 's1' })]).toEqual([true, false])
    expect([by('session', { session: 's2' }), by('session', {}), by('session', {})]).toEqual([
      true,
      true,
      false,
    ])
    expect([
      by('account', { account: 'a', session: 's1' }),
      by('account', { account: 'a', session: 's2' }),
    ]).toEqual([true, false])
    expect([by('account', { account: 'b' }), by('account', {}), by('account', {})]).toEqual([
      true,
      true,
      false,
    ])
    expect([by('grant', { session: 's1' }), by('grant', { session: 's2' })]).toEqual([true, false])
  })

  test('from a counter that holds no number is refused', () => {
    const store = new MemoryCounters()
    store.put('k', NOW, 'broken', NOW + 60_000)
    expect(reserve(store, [charge()], SUBJECT, NOW).ok).toBe(false)
  })
})

describe('a refund', () => {
  test('goes to the window that was charged, even when that is over', () => {
    const store = new MemoryCounters()
    const first = reserve(store, [charge()], SUBJECT, NOW)
    reserve(store, [charge()], SUBJECT, NOW + 60_000)
    if (first.ok) refund(store, first.taken)
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['0', '1'])
  })

  test('never goes below zero, and finds nothing where the counter is gone', () => {
    const store = new MemoryCounters()
    store.put('k', NOW, '0.5', NOW + 60_000)
    refund(store, [
      ['k', NOW],
      ['gone', NOW, '1'],
    ])
    expect([...store.rows.values()].map(({ key, used }) => [key, used])).toEqual([['k', '0']])
  })
})

describe('how limits stand', () => {
  test('is told without charging', () => {
    const store = new MemoryCounters()
    reserve(store, [charge()], SUBJECT, NOW)
    const charges = [charge({ max: null }), charge({ shadow: true }), charge({ max: '1' })]
    expect(prospectsOf(store, charges, SUBJECT, NOW)).toMatchObject([
      { remaining: '1', hasRoom: true, shadow: true },
      { remaining: '0', hasRoom: false, shadow: false },
    ])
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['1'])
  })
})

describe('a sliding window', () => {
  const sliding = [charge({ window: windowOf('minute', true), max: '2' })]

  test('knows no burst at the turn of the minute', () => {
    const store = new MemoryCounters()
    expect(reserve(store, sliding, SUBJECT, NOW + 59_000).ok).toBe(true)
    expect(reserve(store, sliding, SUBJECT, NOW + 59_500).ok).toBe(true)
    expect(reserve(store, sliding, SUBJECT, NOW + 60_500).ok).toBe(false)
  })

  test('says when there is room again, and then there is, but not before', () => {
    const store = new MemoryCounters()
    reserve(store, sliding, SUBJECT, NOW)
    reserve(store, sliding, SUBJECT, NOW + 30_000)
    const refused = reserve(store, sliding, SUBJECT, NOW + 40_000)
    const resetsAtMs = refused.ok ? 0 : refused.limited.resetsAtMs
    expect(resetsAtMs).toBe(NOW + 61_000)
    expect(reserve(store, sliding, SUBJECT, resetsAtMs - 1).ok).toBe(false)
    expect(reserve(store, sliding, SUBJECT, resetsAtMs).ok).toBe(true)
  })

  test('says so even of a call that never fits', () => {
    const store = new MemoryCounters()
    reserve(store, sliding, SUBJECT, NOW)
    const never = [charge({ window: windowOf('minute', true), amount: '3' })]
    expect(reserve(store, never, SUBJECT, NOW)).toMatchObject({
      ok: false,
      limited: { canRetry: false, resetsAtMs: NOW + 61_000 },
    })
    expect(reserve(new MemoryCounters(), never, SUBJECT, NOW)).toMatchObject({
      limited: { canRetry: false, resetsAtMs: NOW + 61_000 },
    })
  })

  test('counts what a clock that stepped back makes later', () => {
    const store = new MemoryCounters()
    reserve(store, sliding, SUBJECT, NOW + 30_000)
    reserve(store, sliding, SUBJECT, NOW + 30_000)
    expect(reserve(store, sliding, SUBJECT, NOW).ok).toBe(false)
  })
})

/** How long the store keeps what nothing asks for any more; a clock may step back so far. */
const KEEP_MS = 20 * 60_000

const limits: readonly Charge[] = [
  charge({ key: 'minute', max: '3', rule: '/minute' }),
  charge({ key: 'seconds', max: '4', rule: '/seconds', window: windowOf(90, false) }),
  charge({ key: 'sliding', max: '3', rule: '/sliding', window: windowOf('minute', true) }),
  charge({ key: 'odd', max: '2.5', rule: '/odd', window: windowOf(7, true), unit: 'sum' }),
  charge({ key: 'sum', max: '10.10', rule: '/sum', unit: 'sum', strict: true }),
  charge({ key: 'session', max: '2', rule: '/session', scope: 'session' }),
]

interface Accepted {
  readonly atMs: number
  readonly session: string
  readonly charges: readonly Charge[]
  readonly taken: readonly Taken[]
  settled: 'open' | 'kept' | 'refunded'
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      which: fc.subarray([...limits.keys()], { minLength: 1 }),
      amount: fc.constantFrom('0', '0.1', '1', '2.5', '7.333'),
      session: fc.constantFrom('s1', 's2'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('refund' as const, 'settle' as const), index: fc.nat(30) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('forward' as const), byMs: fc.nat(50_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leap' as const), byMs: fc.nat(3_600_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('back' as const), byMs: fc.nat(KEEP_MS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
)

describe('a limit of N never lets N+1 through', () => {
  test('in any window, under any interleaving of reserve, settle, refund, expiry and clock movement', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const store = new MemoryCounters()
        const accepted: Accepted[] = []
        let nowMs = NOW + 12_345
        let latestMs = nowMs
        for (const it of steps) {
          if (it.kind === 'forward' || it.kind === 'leap') nowMs += it.byMs
          else if (it.kind === 'back') nowMs = Math.max(nowMs - it.byMs, latestMs - KEEP_MS)
          else if (it.kind === 'expire') store.purge(latestMs - KEEP_MS)
          else if (it.kind === 'reserve') {
            const charges = it.which.map((i) => {
              const limit = limits[i] as Charge
              return limit.unit === 'sum' ? { ...limit, amount: it.amount } : limit
            })
            const reservation = reserve(store, charges, { session: it.session, account: null }, nowMs)
            const one = { atMs: nowMs, session: it.session, charges, settled: 'open' as const }
            if (reservation.ok) accepted.push({ ...one, taken: reservation.taken })
            else expect(roomLeft(accepted, charges, it.session, nowMs, reservation.limited.rule)).toBe(false)
          } else {
            const open = accepted[it.index]
            if (open?.settled !== 'open') continue
            open.settled = it.kind === 'refund' ? 'refunded' : 'kept'
            if (it.kind === 'refund') refund(store, open.taken)
          }
          latestMs = Math.max(latestMs, nowMs)
          for (const limit of limits) expect(fullest(accepted, limit)).toBeLessThanOrEqual(thousandths(limit))
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** In thousandths, so that the check itself adds whole numbers. A strict limit holds less than its maximum. */
function thousandths({ max, strict }: Charge): number {
  return Math.round(Number(max) * 1_000) - (strict ? 1 : 0)
}

function eventsOf(accepted: readonly Accepted[], limit: Charge) {
  return accepted
    .filter(({ settled }) => settled !== 'refunded')
    .flatMap(({ atMs, session, charges }) =>
      charges
        .filter(({ rule }) => rule === limit.rule)
        .map(({ amount }) => ({
          atMs,
          owner: limit.scope === 'session' ? session : '',
          amount: Math.round(Number(amount) * 1_000),
        })),
    )
}

/** The most that any one window of a limit holds. */
function fullest(accepted: readonly Accepted[], limit: Charge): number {
  const events = eventsOf(accepted, limit)
  const { lengthMs, sliding } = limit.window
  const sums = events.map((first) => {
    const startMs = sliding ? first.atMs : stretchAt(lengthMs, first.atMs).startMs
    return events
      .filter(({ atMs, owner }) => owner === first.owner && atMs >= startMs && atMs < startMs + lengthMs)
      .reduce((sum, { amount }) => sum + amount, 0)
  })
  return Math.max(0, ...sums)
}

/** Whether a refused call would have fitted, looking a slice further than a sliding window promises. */
function roomLeft(
  accepted: readonly Accepted[],
  charges: readonly Charge[],
  session: string,
  nowMs: number,
  rule: string,
): boolean {
  const limit = charges.find((one) => one.rule === rule) as Charge
  const { lengthMs, sliding } = limit.window
  const { startMs } = stretchAt(lengthMs, nowMs)
  const reach = lengthMs + Math.ceil(lengthMs / 60)
  const near = eventsOf(accepted, limit).filter(
    ({ atMs, owner }) =>
      (owner === '' || owner === session) &&
      (sliding ? Math.abs(atMs - nowMs) <= reach : atMs >= startMs && atMs < startMs + lengthMs),
  )
  const total = near.reduce((sum, { amount }) => sum + amount, Math.round(Number(limit.amount) * 1_000))
  return total <= thousandths(limit)
}

test('a limit that looks at another tool’s sum speaks of that sum', () => {
  const loaded = loadPolicy({
    version: '1',
    tools: {
      pay: { counts: [{ counter: 'spend', window: 'day', increment_from: 'args.amount' }] },
      refund: { limits: [{ counter: 'spend', window: 'day', max: '10.5', tool: 'pay' }] },
    },
  })
  const decision = loaded.ok
    ? decide(loaded.policy, { tool: 'refund', args: {} }, { nowMs: NOW, account: null, label: '' })
    : null
  expect(decision).toMatchObject({ action: 'allow', charges: [{ unit: 'sum', amount: '0', max: '10.5' }] })
})

test('what was taken can be counted once more, in a store that has lost it', () => {
  const [store, other] = [new MemoryCounters(), new MemoryCounters()]
  const charges = [charge({ key: 'a', max: '9' }), charge({ key: 'b', max: '9', amount: '0.25' })]
  for (const nowMs of [NOW, NOW, NOW + 60_000]) {
    const reserved = reserve(store, charges, SUBJECT, nowMs)
    if (!reserved.ok) throw new Error('refused')
    for (const taken of reserved.taken) {
      const kept = [...store.rows.values()].find(
        ({ key, startMs }) => key === taken[0] && startMs === taken[1],
      )
      countAgain(other, taken, kept?.keepUntilMs ?? 0)
    }
  }
  expect([...other.rows]).toEqual([...store.rows])
})
