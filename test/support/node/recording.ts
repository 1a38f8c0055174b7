/** Every test file of whole programs begins with this, and ends with it: no run goes unsearched. */
import { afterAll, inject } from 'vitest'
import { keepBuiltWorkersIn } from './built-worker.ts'
import { recorder, startRecording } from './recorder.ts'

keepBuiltWorkersIn(inject('builtWorkers'))
startRecording()

afterAll(() => {
  const running = recorder()?.running ?? new Set()
  if (running.size > 0)
    throw new Error(`not stopped, and so not searched for secrets: ${[...running].join(', ')}`)
})
