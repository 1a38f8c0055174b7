/** Room for lists: shared within a request, bounded in an isolate. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ListBudget, type PartBudget, REQUEST_BYTES } from '../../src/forward/list-budget.ts'

const MIB = 1024 * 1024
/** Takes pieces of a size until there is no room; answers how much that was. */
function fill(part: PartBudget, piece = 64 * 1024): number {
  let taken = 0
  while (part.take(piece)) taken += piece
  return taken
}

describe('within a request', () => {
  test('a server that takes all it can leaves the others their shares', () => {
    const budget = new ListBudget('acme', 4)
    const [greedy, ...others] = [budget.part(), budget.part(), budget.part(), budget.part()]
    expect(fill(greedy as PartBudget)).toBe(REQUEST_BYTES / 2 + REQUEST_BYTES / 8)
    for (const other of others) expect(fill(other)).toBe(REQUEST_BYTES / 8)
    budget.release()
  })

  test('one server alone may take all of it', () => {
    const budget = new ListBudget('acme', 1)
    expect(fill(budget.part())).toBe(REQUEST_BYTES)
    budget.release()
  })

  test('never more is taken than there is, and everybody gets what is small', () => {
    const takes = fc.array(fc.tuple(fc.nat(9), fc.nat(4 * MIB)), { maxLength: 60 })
    fc.assert(
      fc.property(takes, (all) => {
        const budget = new ListBudget('acme', 10)
        const parts = Array.from({ length: 10 }, () => ({ part: budget.part(), taken: 0 }))
        for (const [index, bytes] of all) {
          const it = parts[index] as (typeof parts)[number]
          const isSmall = it.taken + bytes <= 256 * 1024
          const isGiven = it.part.take(bytes)
          if (isSmall) expect(isGiven).toBe(true)
          if (isGiven) it.taken += bytes
        }
        expect(parts.reduce((sum, { taken }) => sum + taken, 0)).toBeLessThanOrEqual(REQUEST_BYTES)
        budget.release()
      }),
    )
  })
})

describe('within an isolate', () => {
  test('a tenant takes half at most, and what is small is there for all', () => {
    const first = [new ListBudget('acme', 1), new ListBudget('acme', 1)]
    const [one, two] = first.map((budget) => budget.part()) as [PartBudget, PartBudget]
    expect(fill(one)).toBe(16 * MIB)
    // What is small of the first one was not counted.
    expect(fill(two)).toBe(512 * 1024)
    const other = new ListBudget('other', 1)
    expect(fill(other.part())).toBe(16 * MIB)
    const third = new ListBudget('third', 1)
    const taken = fill(third.part())
    expect(taken).toBeGreaterThanOrEqual(256 * 1024)
    expect(taken).toBeLessThanOrEqual(MIB)
    for (const budget of [...first, other, third]) budget.release()
  })

  test('what is released is there again, and only once', () => {
    for (let round = 0; round < 10; round++) {
      const budget = new ListBudget('acme', 1)
      expect(fill(budget.part())).toBe(16 * MIB)
      budget.release()
      budget.release()
    }
  })
})
