import { expect, test } from 'vitest'
import { Cancellation } from '../../src/upstream/cancellation.ts'

test('whoever listens hears of it once, and whoever came later sees it', () => {
  const cancellation = new Cancellation()
  const heard: string[] = []
  cancellation.onRequest(() => heard.push('one'))
  const leave = cancellation.onRequest(() => heard.push('two'))
  leave()
  leave()
  const signal = cancellation.toSignal()
  expect([cancellation.isRequested, signal.aborted]).toEqual([false, false])
  cancellation.request()
  cancellation.request()
  cancellation.onRequest(() => heard.push('late'))
  expect(heard).toEqual(['one'])
  expect([cancellation.isRequested, signal.aborted, cancellation.toSignal().aborted]).toEqual([
    true,
    true,
    true,
  ])
})

test('the same function given twice is two listeners', () => {
  const cancellation = new Cancellation()
  let heard = 0
  const listener = () => {
    heard++
  }
  const leave = cancellation.onRequest(listener)
  cancellation.onRequest(listener)
  leave()
  cancellation.request()
  expect(heard).toBe(1)
})

test('a listener that leaves while the others are told is not in their way', () => {
  const cancellation = new Cancellation()
  const heard: string[] = []
  const leave = cancellation.onRequest(() => {
    heard.push('one')
    leave()
  })
  cancellation.onRequest(() => heard.push('two'))
  cancellation.request()
  expect(heard).toEqual(['one', 'two'])
})
