/** The list of native names and the tools themselves are of one mind. */
import { expect, test } from 'vitest'
import { isNativeName } from '../../src/names/tools.ts'
import { nativeTools } from '../../src/servers/catalogue.ts'

test('every native tool is known by its name, and nothing else is', () => {
  const names = nativeTools().flatMap(({ tools }) => tools.map(({ name }) => name))
  expect(names).toHaveLength(21)
  expect(names.filter((name) => !isNativeName(name))).toEqual([])
  for (const other of ['auth', 'constructor', 'session__auth_login', ''])
    expect(isNativeName(other)).toBe(false)
})
