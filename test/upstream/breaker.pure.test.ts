import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { abandoned, admit, type Breaker, closed, failed, succeeded } from '../../src/upstream/breaker.ts'

const settings = { failures: 3, openSeconds: 10 }

function failing(times: number, nowMs: number, breaker = closed()): Breaker {
  let state = breaker
  for (let i = 0; i < times; i++) state = failed(state, nowMs, settings)
  return state
}
/** Lets a probe pass as soon as one may, and tells when that was. */
function probe(breaker: Breaker): { breaker: Breaker; nowMs: number } {
  const nowMs = breaker.kind === 'closed' ? 0 : breaker.untilMs
  return { breaker: admit(breaker, nowMs, settings).breaker, nowMs }
}

describe('a server', () => {
  test('is asked as long as it does not fail too often in a row', () => {
    const shaky = failing(2, 0, succeeded(failing(2, 0)))
    expect(admit(shaky, 0, settings)).toEqual({ let: true, breaker: shaky, retryAtMs: null })
  })

  test('is left alone after that, for a time that is told', () => {
    const open = failing(3, 1_000)
    expect(open).toEqual({ kind: 'open', untilMs: 11_000, times: 1 })
    expect(admit(open, 10_999, settings)).toEqual({ let: false, breaker: open, retryAtMs: 11_000 })
  })

  test('is then probed by one request at a time', () => {
    const first = admit(failing(3, 0), 10_000, settings)
    expect(first).toEqual({
      let: true,
      breaker: { kind: 'half_open', untilMs: 20_000, times: 1 },
      retryAtMs: null,
    })
    expect(admit(first.breaker, 10_000, settings)).toMatchObject({ let: false, retryAtMs: 20_000 })
    expect(succeeded(first.breaker)).toEqual(closed())
  })

  test('is left alone twice as long with each probe that fails, up to eight times', () => {
    let state = failing(3, 0)
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      const { breaker, nowMs } = probe(state)
      state = failed(breaker, nowMs, settings)
      if (state.kind === 'open') waits.push(state.untilMs - nowMs)
    }
    expect(waits).toEqual([20_000, 40_000, 80_000, 80_000, 80_000, 80_000])
    expect(failing(3, 0, succeeded(probe(state).breaker))).toEqual({
      kind: 'open',
      untilMs: 10_000,
      times: 1,
    })
  })

  test('gets another probe when one is lost, and at once when one is called off', () => {
    const { breaker } = probe(failing(3, 0))
    expect(admit(breaker, 20_000, settings)).toMatchObject({
      let: true,
      breaker: { untilMs: 30_000, times: 1 },
    })
    expect(admit(abandoned(breaker, 12_000), 12_000, settings).let).toBe(true)
    expect(abandoned(closed(), 0)).toEqual(closed())
    const open = failing(3, 0)
    expect(abandoned(open, 5_000)).toBe(open)
  })

  test('is not judged by requests of before it was left alone', () => {
    const open = failing(3, 0)
    expect(failed(open, 5_000, settings)).toBe(open)
    expect(succeeded(open)).toBe(open)
  })

  test('gets, while it is failing, at most one request in the time that it is left alone', () => {
    const step = fc.record({
      afterMs: fc.nat(30_000),
      outcome: fc.constantFrom('fail', 'lost', 'late failure'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let breaker = failing(3, 0)
        let nowMs = 0
        let lastMs = 0
        for (const { afterMs, outcome } of steps) {
          nowMs += afterMs
          const admission = admit(breaker, nowMs, settings)
          breaker = admission.breaker
          if (admission.let) {
            expect(nowMs - lastMs).toBeGreaterThanOrEqual(10_000)
            lastMs = nowMs
            if (outcome === 'fail') breaker = failed(breaker, nowMs, settings)
          } else {
            expect(admission.retryAtMs).toBeGreaterThan(nowMs)
            expect(admission.retryAtMs).toBeLessThanOrEqual(nowMs + 80_000)
            expect(admit(breaker, admission.retryAtMs, settings).let).toBe(true)
            if (outcome === 'late failure' && breaker.kind === 'open') {
              expect(failed(breaker, nowMs, settings)).toBe(breaker)
            }
          }
        }
        // And whatever has happened, one good answer of a probe brings it back.
        expect(succeeded(probe(breaker).breaker)).toEqual(closed())
      }),
    )
  })

  test('is never left alone while fewer fail in a row than may', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (outcomes) => {
        let breaker = closed()
        let row = 0
        for (const isGood of outcomes) {
          breaker = isGood ? succeeded(breaker) : failed(breaker, 0, settings)
          row = isGood ? 0 : row + 1
          expect(breaker.kind).toBe(row < 3 ? 'closed' : 'open')
          if (row === 3) return
        }
      }),
    )
  })
})
