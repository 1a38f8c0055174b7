/** Set up before every test file in workerd: after every test, before its storage is gone, it is searched. */
import { afterEach, expect } from 'vitest'
import { told } from './leaks/findings.ts'
import { begin, forget, search } from './searching.ts'

begin()

afterEach(async () => {
  const findings = await search()
  forget()
  expect(told(findings), 'what a test left behind (docs/security.md)').toBe('')
})
