/** By which bare name a policy may speak of an upstream server's tool. */
import { expect, test } from 'vitest'
import { aliasOf } from '../../src/names/tools.ts'

test.each([
  ['echo', 'echo'],
  ['files.read', 'files.read'],
  ['Not__a_server', 'Not__a_server'],
  ['__proto__', '__proto__'],
  // What a policy says of these is said of others.
  ['auth_whoami', undefined],
  ['good__echo', undefined],
])('%s: %s', (tool, alias) => {
  expect(aliasOf(tool)).toBe(alias)
})
