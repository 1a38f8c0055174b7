/** The argument that names a call's session: beside whatever arguments a tool has, and out again before anything else looks. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  handlesAlone,
  mayNameSession,
  sessionArgumentOf,
  withoutSession,
  withSessionArgument,
} from '../../src/request/session-argument.ts'

const of = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, {}])),
})

describe('what it is called', () => {
  test.each<[string, unknown, string]>([
    ['nothing is known', undefined, 'session'],
    ['a schema of no object', 'none', 'session'],
    ['no arguments', { type: 'object' }, 'session'],
    ['properties that are none', { type: 'object', properties: null }, 'session'],
    ['another argument', of('query'), 'session'],
    ['one of that name', of('session'), 'gatehouse_session'],
    ['both', of('session', 'gatehouse_session'), 'gatehouse_session_2'],
    ['three', of('session', 'gatehouse_session', 'gatehouse_session_2'), 'gatehouse_session_3'],
    ['a gap', of('session', 'gatehouse_session', 'gatehouse_session_3'), 'gatehouse_session_2'],
    ['only the longer one', of('gatehouse_session'), 'session'],
    ['one that is required alone', { type: 'object', required: ['session'] }, 'gatehouse_session'],
    ['one of a variant', { type: 'object', anyOf: [of('a'), of('session')] }, 'gatehouse_session'],
    ['one behind a condition', { if: of('a'), else: { allOf: [of('session')] } }, 'gatehouse_session'],
    ['one that depends on another', { dependentSchemas: { a: of('session') } }, 'gatehouse_session'],
    ['one by reference', { $ref: '#/$defs/a~1b', $defs: { 'a/b': of('session') } }, 'gatehouse_session'],
    ['a reference to itself', { $ref: '#', properties: {} }, 'session'],
    ['one of an argument’s own', { properties: { a: of('session') } }, 'session'],
  ])('where there is %s', (_, schema, name) => {
    expect(sessionArgumentOf(schema)).toBe(name)
  })

  test('is the same in the list and in the call, and takes nothing of the tool’s own away', () => {
    const name = fc.constantFrom<string>(
      'session',
      'gatehouse_session',
      'gatehouse_session_2',
      'query',
      'limit',
    )
    const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean())
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.dictionary(name, value), fc.uuid(), (names, args, handle) => {
        const schema = of(...names)
        const own = Object.fromEntries(
          Object.entries(args).filter(([key]) => names.includes(key) || !/session/.test(key)),
        )
        const { inputSchema } = withSessionArgument({ name: 't', inputSchema: schema }) as unknown as {
          inputSchema: ReturnType<typeof of>
        }
        const added = Object.keys(inputSchema.properties).filter((key) => !names.includes(key))
        expect(added).toEqual([sessionArgumentOf(schema)])
        expect(withoutSession(own, schema)).toEqual({ args: own, handle: null })
        expect(withoutSession({ ...own, [added[0] ?? '']: handle }, schema)).toEqual({ args: own, handle })
      }),
    )
  })
})

describe('a call', () => {
  test.each<[string, Record<string, unknown>, unknown, Record<string, unknown>, string | null]>([
    ['without one is nobody’s', { a: 1 }, of('a'), { a: 1 }, null],
    ['with null leaves it out', { a: 1, session: null }, of('a'), { a: 1 }, null],
    ['with what cannot be one names nobody', { session: 7 }, of('a'), {}, ''],
    ['with the name of another listing is understood', { gatehouse_session: 'ses_1' }, of('a'), {}, 'ses_1'],
    ['with two that agree has one', { session: 's', gatehouse_session: 's' }, of('a'), {}, 's'],
    ['with two that differ has none', { session: 's', gatehouse_session: 't' }, of('a'), {}, ''],
    ['keeps the tool’s own', { session: 's', gatehouse_session: 't' }, of('session'), { session: 's' }, 't'],
    ['with the tool’s own alone is nobody’s', { session: 's' }, of('session'), { session: 's' }, null],
    [
      'is not taken for a longer name',
      { sessions: 's', session_id: 't' },
      of(),
      { sessions: 's', session_id: 't' },
      null,
    ],
  ])('%s', (_, args, schema, own, handle) => {
    expect(withoutSession(args, schema)).toEqual({ args: own, handle })
  })

  test('that has no such argument needs no schema', () => {
    expect(
      ['session', 'gatehouse_session', 'gatehouse_session_12'].every((name) => mayNameSession({ [name]: 1 })),
    ).toBe(true)
    expect(
      ['sessions', 'Session', 'gatehouse_session_', 'gatehouse_session_x'].some((name) =>
        mayNameSession({ [name]: 1 }),
      ),
    ).toBe(false)
  })
})

describe('a call where no argument is listed for it', () => {
  const handle = 'ses_0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d'
  const other = 'ses_1b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d'
  test.each<[string, Record<string, unknown>, unknown, Record<string, unknown>, string | null]>([
    ['loses a handle, which is obeyed', { a: 1, session: handle }, of('a'), { a: 1 }, handle],
    ['loses one under any reserved name', { gatehouse_session_2: handle }, of('session'), {}, handle],
    ['keeps what is no handle', { session: 'ses_1', a: 1 }, of('a'), { session: 'ses_1', a: 1 }, null],
    ['keeps what only begins as one', { session: `${handle}x` }, of(), { session: `${handle}x` }, null],
    ['keeps values of other types', { session: [handle] }, of(), { session: [handle] }, null],
    ['keeps the tool’s own', { session: handle }, of('session'), { session: handle }, null],
    ['with two that differ has none', { session: handle, gatehouse_session: other }, of(), {}, ''],
    [
      'keeps what is beside it',
      { session: handle, gatehouse_session: 'x' },
      of(),
      { gatehouse_session: 'x' },
      handle,
    ],
  ])('%s', (_, args, schema, own, named) => {
    expect(withoutSession(args, schema, handlesAlone)).toEqual({ args: own, handle: named })
  })

  test('needs a schema for a handle alone', () => {
    expect(mayNameSession({ session: handle }, handlesAlone)).toBe(true)
    expect(mayNameSession({ session: 'x', a: handle }, handlesAlone)).toBe(false)
  })
})

test('a schema that nests without end, or leads in circles, is looked at for a while', () => {
  let schema: object = of('session')
  for (let i = 0; i < 5_000; i++) schema = { allOf: [schema] }
  expect(sessionArgumentOf(schema)).toBe('session')
  const circle = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }
  expect(sessionArgumentOf(circle)).toBe('session')
})

test('a tool whose schema is none of an object stays as it is', () => {
  const tools = [
    { name: 't', inputSchema: 'x' },
    { name: 't', inputSchema: { properties: 'x' } },
  ]
  expect(tools.map(withSessionArgument)).toEqual(tools)
  expect(withSessionArgument({ name: 't' })).toMatchObject({
    inputSchema: { properties: { session: { type: 'string' } } },
  })
})
