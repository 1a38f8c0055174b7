/** What is written down of a call's end. */
import { expect, test } from 'vitest'
import { settledFrom } from '../../src/call/settle.ts'

test('of a stream that the client may resume elsewhere nobody learns the answer, which is said at once', () => {
  const settled = settledFrom({ kind: 'paused', status: 200 }, Date.now())
  expect(settled).toMatchObject({ outcome: 'unknown', upstreamStatus: 200 })
})
