import { expect, test } from 'vitest'
import { lazy } from '../../src/base/lazy.ts'

test('nothing is made before the first call, and then one thing for all calls', () => {
  let made = 0
  const thing = lazy(() => ({ number: ++made }))
  expect(made).toBe(0)
  expect(thing()).toBe(thing())
  expect(made).toBe(1)
})

test('undefined and null are kept as anything else is', () => {
  const made: unknown[] = []
  for (const it of [undefined, null]) {
    const thing = lazy(() => {
      made.push(it)
      return it
    })
    expect([thing(), thing()]).toEqual([it, it])
  }
  expect(made).toEqual([undefined, null])
})

test('a failure is not kept', () => {
  let isBroken = true
  const thing = lazy(() => {
    if (isBroken) throw new Error('not yet')
    return 'made'
  })
  expect(thing).toThrow('not yet')
  isBroken = false
  expect(thing()).toBe('made')
})
