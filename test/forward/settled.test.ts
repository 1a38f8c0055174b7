/** What is written down of a call's end. */
import { expect, test } from 'vitest'
import { settledFrom } from '../../src/forward/deliver.ts'

test('of a stream that the client resumes elsewhere nothing is said: its answer may be on its way', () => {
  expect(settledFrom({ kind: 'paused', status: 200 }, Date.now())).toBeNull()
})
