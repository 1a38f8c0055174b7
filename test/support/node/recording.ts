/** Every test file of whole programs begins with this, and ends with it: no run goes unsearched. */
import { afterAll } from 'vitest'
import { recorder, startRecording } from './recorder.ts'

startRecording()

afterAll(() => {
  const running = recorder()?.running ?? new Set()
  if (running.size > 0)
    throw new Error(`not stopped, and so not searched for secrets: ${[...running].join(', ')}`)
})
