import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as z from 'zod/v4'
import { loadPolicy } from '../../src/policy/load.ts'
import { hostedSchema, ruleSchema, shortSchema } from '../../src/policy/schema.ts'
import { nearest } from '../../src/policy/spelling.ts'
import { hostedDocument, hostedParts, ruleDocument, shortDocument } from './arbitrary.ts'

describe('the JSON Schema of a dialect', () => {
  const dialects = [
    ['hosted', hostedSchema, hostedParts.map(hostedDocument)],
    ['rule', ruleSchema, ruleDocument],
    ['short', shortSchema, shortDocument],
  ] as const

  test.each(dialects)('accepts what the validator of the %s dialect accepts', (_, schema, documents) => {
    const check = z.fromJSONSchema(schema() as Parameters<typeof z.fromJSONSchema>[0])
    fc.assert(
      fc.property(documents as fc.Arbitrary<unknown>, (document) => {
        expect(loadPolicy(document).ok).toBe(true)
        expect(check.safeParse(document).error).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  test.each(dialects)(
    'has the names and words of the %s dialect, and no others are allowed',
    (name, schema) => {
      const text = JSON.stringify(schema())
      expect(schema()).toMatchObject({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: `Gatehouse policy, ${name} dialect`,
        type: 'object',
        additionalProperties: false,
      })
      const words = {
        hosted: ['deny_if', 'not_in', 'any_of'],
        rule: ['rate_limit', 'increment_from'],
        short: ['reason'],
      }
      for (const word of words[name]) expect(text).toContain(`"${word}"`)
    },
  )
})

describe('the nearest name', () => {
  test.each<[string, string[], string | null]>([
    ['windw', ['counter', 'window', 'max'], 'window'],
    ['wnidow', ['window'], 'window'],
    ['Window', ['window'], 'window'],
    ['munday', ['sunday', 'monday'], 'monday'],
    ['tolls', ['rules', 'tools'], 'tools'],
    ['rule', ['limits'], null],
    ['ab', ['ac'], null],
    ['', ['a'], null],
    ['completely', [], null],
    ['xxxxxxxx', ['yyyyyyyy'], null],
  ])('to %j among %j is %j', (word, candidates, meant) => {
    expect(nearest(word, candidates)).toBe(meant)
  })
})
