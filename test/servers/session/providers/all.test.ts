/** Every provider stands in the list with what a login needs of it. */
import { expect, test } from 'vitest'
import { providerArguments, providerNames, providers } from '../../../../src/servers/session/providers/all.ts'

test('each has a name of its own, and an argument that it cannot do without', () => {
  expect(new Set(providerNames).size).toBe(providers.length)
  for (const { name, takes } of providers)
    expect(Object.values(takes).filter((it) => !it.isOptional).length, name).toBeGreaterThan(0)
})

test('an argument that several take means the same to all of them', () => {
  for (const { name, takes } of providers)
    for (const [argument, its] of Object.entries(takes))
      expect(providerArguments[argument], `${argument} of ${name}`).toEqual(its)
})
