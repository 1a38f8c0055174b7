/** Schemas of results as the clients of the SDKs compile them: with Ajv, those of the session era while they read the list. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExact } from '../../src/base/exact-json.ts'
import { fitEntry } from '../../src/upstream/entries.ts'
import { compilable } from '../../src/upstream/output-schema.ts'
import { connectJudge } from '../support/node/in-memory-clients.ts'
import { eras } from '../support/node/mcp-agent.ts'

const base = 'https://json-schema.org/draft'

/** Schemas as tools have them, by the program that writes such. */
const right: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'nothing said': { type: 'object' },
  'a model of Pydantic': {
    $defs: {
      Item: { properties: { name: { type: 'string', title: 'Name' } }, title: 'Item', type: 'object' },
    },
    properties: { items: { items: { $ref: '#/$defs/Item' }, type: 'array' } },
    required: ['items'],
    title: 'Order',
    type: 'object',
  },
  'a schema of Zod': {
    $schema: `${base}/2020-12/schema`,
    type: 'object',
    properties: {
      id: { type: 'integer', minimum: -9007199254740991, exclusiveMaximum: 5 },
      mail: { type: 'string', format: 'email', pattern: '^(?!\\.)[\\p{L}\\d]+@x$' },
      kind: { anyOf: [{ type: 'string', const: 'a' }, { type: 'null' }] },
      pair: { type: 'array', prefixItems: [{ type: 'string' }, true], minItems: 2 },
    },
    additionalProperties: false,
  },
  'draft-07 with definitions and tuples': {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    definitions: { 'a/b~c d': { enum: [1, null, {}] } },
    properties: { at: { items: [{ type: 'number' }], additionalItems: false } },
    patternProperties: { '^x-': { $ref: '#/definitions/a~1b~0c%20d' } },
    dependencies: { at: ['id'], id: { required: ['at'] } },
  },
  'a tree': {
    type: 'object',
    properties: {
      children: { type: 'array', items: { $ref: '#' } },
      left: { $ref: '#/properties/right' },
      right: { type: 'object' },
    },
    $defs: { alias: { $ref: '#/$defs/node' }, node: { type: 'object' } },
    allOf: [{ $ref: '#/$defs/alias' }],
  },
  'conditions, and what nobody knows': {
    type: 'object',
    if: { properties: { a: { const: '$id' } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
    then: { required: ['b'] },
    else: { not: { propertyNames: { maxLength: 3 } } },
    'x-more': { anything: [null, { type: 7 }] },
    properties: {
      id: { type: 'string' },
      $id: { type: 'string' },
      nullable: { type: 'string', nullable: true },
    },
    default: { $id: 'no id' },
    dependentRequired: { a: ['b'] },
    dependentSchemas: { a: true },
    minProperties: 0,
    uniqueItems: true,
    examples: [{ $ref: 'none' }],
  },
}

describe('a schema that clients compile is shown as it is', () => {
  test.each(Object.entries(right))('%s', async (_, schema) => {
    for (const era of eras) expect(compilable(schema, era)).toBe(schema)
    const tool = { name: 'a', inputSchema: { type: 'object' }, outputSchema: schema }
    for (const era of eras) {
      expect(await (await connectJudge(era)).refusalToCall(tool)).toBeNull()
    }
  })

  test('but for its own id, which clients would find another tool’s schema by', () => {
    expect(compilable({ $id: 'https://x/a', type: 'object' }, 'session')).toEqual({ type: 'object' })
    expect(compilable({ $id: 7, type: 'object' }, 'stateless')).toEqual({ type: 'object' })
  })
})

test.each<readonly [string, object]>([
  ['a type that is none', { properties: { a: { type: 7 } } }],
  ['no type at all in a list', { type: [] }],
  ['a type by another name', { properties: { a: { type: 'str' } } }],
  ['a flag of draft-04', { properties: { a: { minimum: 1, exclusiveMinimum: true } } }],
  ['a property that is required within itself', { properties: { a: { type: 'string', required: true } } }],
  ['an expression of another language', { properties: { a: { pattern: '(?i)abc' } } }],
  ['a name’s expression of another language', { patternProperties: { '\\Z': {} } }],
  ['a reference to another document', { properties: { a: { $ref: 'https://x/schema.json' } } }],
  ['a reference to a file', { properties: { a: { $ref: 'types.json#/A' } } }],
  ['a reference to nothing', { properties: { a: { $ref: '#/$defs/A' } } }],
  ['a reference to what is no schema', { required: ['a'], properties: { a: { $ref: '#/required' } } }],
  ['a reference with a broken escape', { properties: { a: { $ref: '#/%' } } }],
  [
    'references in a circle',
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, allOf: [{ $ref: '#/$defs/a' }] },
  ],
  ['an id within', { properties: { a: { $id: 'https://x/a', type: 'string' } } }],
  ['an id of draft-04', { id: 'https://x/a' }],
  ['an id where nobody looks but compilers', { 'x-own': { inner: { $id: 'a' } } }],
  ['a definition that is called as ids are', { $defs: { $id: {}, a: {} }, allOf: [{ $ref: '#/$defs/a' }] }],
  ['an anchor', { $defs: { a: { $anchor: 'x' } } }],
  ['a reference that depends on who asks', { properties: { a: { $dynamicRef: '#x' } } }],
  ['a dialect that clients do not know', { $schema: 'http://json-schema.org/draft-04/schema#' }],
  ['an enumeration of nothing', { properties: { a: { enum: [] } } }],
  ['null in the place of a bound', { properties: { a: { minLength: null } } }],
  ['no list where one belongs', { anyOf: {} }],
  ['no object where one belongs', { properties: [] }],
  ['a schema that is asynchronous', { $async: true }],
  ['nothing known that may be null', { properties: { a: { nullable: true } } }],
  ['null, and not null', { properties: { a: { type: ['null'], nullable: false } } }],
  ['a number with digits for a schema', parseExact('{"items": 1.0}') as object],
])('%s: the schema is kept from clients, the tool is shown', (_, schema) => {
  for (const era of eras) expect(compilable({ type: 'object', ...schema }, era)).toBeNull()
  for (const era of eras)
    expect(
      fitEntry('tools', era, {
        name: 'a',
        inputSchema: { type: 'object' },
        outputSchema: { type: 'object', ...schema },
      }),
    ).toEqual({
      ok: true,
      entry: { name: 'a', inputSchema: { type: 'object' } },
    })
})

test('tuples of draft-07 are none to clients that take a schema for one of 2020-12', () => {
  const tuples = { type: 'object', properties: { at: { items: [{ type: 'number' }] } } }
  expect(compilable(tuples, 'session')).toBe(tuples)
  expect(compilable(tuples, 'stateless')).toBeNull()
  const said = { $schema: 'http://json-schema.org/draft-07/schema#', ...tuples }
  expect(compilable(said, 'stateless')).toBe(said)
})

test('digits are digits', () => {
  const schema = parseExact('{"type":"object","properties":{"a":{"minimum":1.0,"multipleOf":1e-2}}}')
  expect(compilable(schema as Record<string, unknown>, 'session')).toBe(schema)
})

/** Any schema: keywords at any depth with values that fit them or not. */
const { schema: anySchema } = fc.letrec((tie) => {
  const sub = fc.oneof({ depthSize: 'small', maxDepth: 4 }, fc.boolean(), tie('schema'))
  const odd = fc.oneof(
    { weight: 30, arbitrary: fc.constant(undefined) },
    fc.constantFrom(null, 0, 7, '', 'x', [], {}, true, [null], ['a'], { a: 'b' }),
  )
  const or = (arbitrary: fc.Arbitrary<unknown>) =>
    fc.tuple(arbitrary, odd).map(([good, bad]) => (bad === undefined ? good : bad))
  const text = fc.constantFrom('a', 'b', '$id', 'id', 'constructor', '__proto__', 'x/y', 'é')
  const map = fc.array(fc.tuple(text, sub), { maxLength: 2 }).map((entries) => Object.fromEntries(entries))
  const list = fc.array(sub, { maxLength: 2 })
  const type = fc.constantFrom('string', 'object', 'array', 'number', 'integer', 'boolean', 'null')
  const reference = fc.constantFrom(
    '#',
    '#/',
    '#/$defs/a',
    '#/$defs/b',
    '#/properties/a',
    '#/items',
    '#/allOf/0',
    '#a',
    '#b',
    'x',
    'x#a',
    '#/type',
    '#/definitions/x~1y',
  )
  const values: Record<string, fc.Arbitrary<unknown>> = {
    $anchor: fc.constantFrom('a', 'b'),
    $dynamicAnchor: fc.constantFrom('a', 'b'),
    $dynamicRef: reference,
    $recursiveAnchor: fc.boolean(),
    $recursiveRef: fc.constant('#'),
    $ref: reference,
    $defs: map,
    definitions: map,
    $id: fc.constantFrom('x', 'https://y/z'),
    id: text,
    $comment: text,
    $async: fc.boolean(),
    $schema: fc.constantFrom(
      `${base}/2020-12/schema`,
      `${base}/2019-09/schema`,
      `${base}-07/schema#`,
      'http://json-schema.org/draft-06/schema',
    ),
    additionalItems: sub,
    additionalProperties: sub,
    allOf: list,
    anyOf: list,
    oneOf: list,
    const: fc.jsonValue({ maxDepth: 1 }),
    contains: sub,
    default: fc.jsonValue({ maxDepth: 1 }),
    dependencies: fc.oneof(map, fc.constant({ a: ['b'] })),
    dependentRequired: fc.constant({ a: ['b'] }),
    dependentSchemas: map,
    else: sub,
    enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 2 }),
    exclusiveMaximum: fc.integer(),
    exclusiveMinimum: fc.integer(),
    format: fc.constantFrom('email', 'date-time', 'none', 'constructor'),
    if: sub,
    items: fc.oneof(sub, list),
    maxContains: fc.nat(3),
    maxItems: fc.nat(3),
    maxLength: fc.nat(3),
    maxProperties: fc.nat(3),
    maximum: fc.double({ noNaN: true, noDefaultInfinity: true }),
    minContains: fc.nat(3),
    minItems: fc.nat(3),
    minLength: fc.nat(3),
    minProperties: fc.nat(3),
    minimum: fc.integer(),
    multipleOf: fc.constantFrom(1, 0.1, -1, 0),
    not: sub,
    nullable: fc.boolean(),
    pattern: fc.constantFrom('^a', '(', '\\p{L}', '(?i)a', '\\_'),
    patternProperties: map,
    prefixItems: list,
    properties: map,
    propertyNames: sub,
    required: fc.array(text, { maxLength: 2 }),
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
    then: sub,
    type: fc.oneof(type, fc.uniqueArray(type, { maxLength: 3 })),
    unevaluatedItems: sub,
    unevaluatedProperties: sub,
    uniqueItems: fc.boolean(),
    'x-own': fc.oneof(sub, fc.constant({ a: { $ref: 'none' } })),
  }
  const names = Object.keys(values)
  const schema = fc
    .uniqueArray(fc.constantFrom(...names), { maxLength: 5 })
    .chain((chosen) =>
      fc
        .tuple(...chosen.map((name) => or(values[name] as fc.Arbitrary<unknown>)))
        .map((given) => Object.fromEntries(chosen.map((name, i) => [name, given[i]]))),
    )
  return { schema }
})

test.each(eras)(
  'whatever schema of results is shown, clients of the %s era list and call the tool',
  async (era) => {
    let shown = 0
    await fc.assert(
      fc.asyncProperty(anySchema as fc.Arbitrary<object>, async (schema) => {
        const fitted = fitEntry('tools', era, {
          name: 'a',
          inputSchema: { type: 'object' },
          outputSchema: { type: 'object', ...schema },
        })
        if (!fitted.ok) throw new Error(fitted.reason)
        if (fitted.entry.outputSchema === undefined) return
        shown++
        expect(await (await connectJudge(era)).refusalToCall(fitted.entry as { name: string })).toBeNull()
      }),
      { numRuns: 1_000 },
    )
    // A property that keeps all would hold as well.
    expect(shown).toBeGreaterThan(100)
  },
)
