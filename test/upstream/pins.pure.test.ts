import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sameJson } from '../../src/base/json.ts'
import { diffTools, listingText, pinnedPart, toolText } from '../../src/upstream/pins.ts'

const tool = {
  name: 'search',
  description: 'Searches the documents.',
  inputSchema: { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] },
}

describe('the text of a tool', () => {
  test('is one line of JSON with sorted names, of what is pinned', () => {
    expect(toolText({ ...tool, title: undefined, icons: [], _meta: { a: 1 } })).toBe(
      '{"description":"Searches the documents.",' +
        '"inputSchema":{"properties":{"q":{"type":"string"}},"required":["q"],"type":"object"},"name":"search"}',
    )
    expect(toolText({ name: 'a\nb', annotations: { z: [null, -0, 1e21], a: {} } })).toBe(
      '{"annotations":{"a":{},"z":[null,0,1e+21]},"name":"a\\nb"}',
    )
  })

  test.each([null, 1, 'x', [], undefined])('of %j is that of nothing', (value) => {
    expect(toolText(value)).toBe('{}')
  })

  test('is the same exactly for the same tools', () => {
    const schema = fc.jsonValue({ maxDepth: 3 })
    fc.assert(
      fc.property(schema, schema, (one, other) => {
        const same = sameJson(one, other)
        expect(toolText({ inputSchema: one }) === toolText({ inputSchema: other })).toBe(same)
        expect(diffTools({ inputSchema: one }, { inputSchema: other }).length === 0).toBe(same)
      }),
    )
    fc.assert(
      fc.property(schema, (value) => {
        expect(sameJson(JSON.parse(toolText({ inputSchema: value })).inputSchema, value)).toBe(true)
      }),
    )
  })

  test('may be nested as deeply as it likes', () => {
    let deep: unknown = 'bottom'
    let other: unknown = 'elsewhere'
    for (let i = 0; i < 100_000; i++) {
      deep = { a: deep }
      other = { a: other }
    }
    expect(toolText({ inputSchema: deep })).toContain('"bottom"')
    expect(diffTools({ inputSchema: deep }, { inputSchema: other })).toHaveLength(1)
  })

  test('of a listing has a line for each, in order', () => {
    expect(listingText([{ name: 'b' }, { name: 'a' }])).toBe('{"name":"b"}\n{"name":"a"}')
    expect(listingText([])).toBe('')
  })

  test('leaves out what a client does not go by', () => {
    expect(pinnedPart({ name: 'a', icons: [] })).toEqual({ name: 'a' })
  })
})

describe('the difference of two tools', () => {
  test('is nothing where only order and the rest differ', () => {
    const { name, ...rest } = tool
    expect(diffTools(tool, { ...rest, name, _meta: {} })).toEqual([])
  })

  test('names what was changed, added and taken away', () => {
    const after = {
      ...tool,
      description: 'Searches.',
      inputSchema: {
        type: 'object',
        properties: { 'a/b': { type: 'string', description: 'New.' } },
        required: ['q', 'a/b'],
      },
    }
    expect(diffTools(tool, after)).toEqual([
      { field: '/description', before: 'Searches the documents.', after: 'Searches.' },
      { field: '/inputSchema/properties/a~1b/description', before: undefined, after: 'New.' },
      { field: '/inputSchema/properties/a~1b/type', before: undefined, after: 'string' },
      { field: '/inputSchema/properties/q/type', before: 'string', after: undefined },
      { field: '/inputSchema/required/1', before: undefined, after: 'a/b' },
    ])
  })

  test('tells a missing value from null, and an empty object from none', () => {
    expect(diffTools({ title: null }, {})).toEqual([{ field: '/title', before: null, after: undefined }])
    expect(diffTools({ annotations: {} }, {})).toEqual([
      { field: '/annotations', before: '{}', after: undefined },
    ])
    expect(diffTools({ annotations: { a: 1 } }, { annotations: [1] })).toEqual([
      { field: '/annotations', before: '{"a":1}', after: '[1]' },
    ])
  })

  test('has at most 20 entries and says how many are missing', () => {
    const choices = (count: number, text: string) => ({
      inputSchema: { enum: Array.from({ length: count }, (_, i) => `${text}${i}`) },
    })
    expect(diffTools(choices(20, 'a'), choices(20, 'b'))).toHaveLength(20)
    const differences = diffTools(choices(50, 'a'), choices(50, 'b'))
    expect(differences).toHaveLength(20)
    expect(differences.at(-1)).toEqual({
      field: '',
      before: undefined,
      after: '31 further differences are not shown',
    })
  })

  test('shows long text where it begins to differ, and says where that is', () => {
    const before = `${'a'.repeat(500)}old${'b'.repeat(500)}`
    const after = `${'a'.repeat(500)}new${'b'.repeat(500)}`
    const [difference] = diffTools({ description: before }, { description: after })
    expect(difference?.before).toBe(
      `…${'a'.repeat(40)}old${'b'.repeat(157)}… [characters 461 to 660 of 1003]`,
    )
    expect(difference?.after).toMatch(/^…a{40}newb{157}… \[characters 461 to 660 of 1003\]$/)
    const [added] = diffTools({}, { description: after })
    expect(added?.after).toBe(`${'a'.repeat(200)}… [characters 1 to 200 of 1003]`)
  })
})
