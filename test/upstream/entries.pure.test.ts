/** Entries of lists as the clients of the SDKs take them: they refuse a whole list for one entry. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExact } from '../../src/base/exact-json.ts'
import { type EntryKind, entryKinds, fitEntry, judgeTool } from '../../src/upstream/entries.ts'
import { connectJudge } from '../support/node/in-memory-clients.ts'
import { type Era, eras } from '../support/node/mcp-agent.ts'

type Entry = Record<string, unknown>
const object = { type: 'object' }
const deep = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

/** An entry of each kind with every member that MCP has for it. */
const whole: Readonly<Record<EntryKind, Entry>> = {
  tools: {
    name: 'echo',
    title: 'Echo',
    description: 'Says it again.',
    icons: [{ src: 'https://x/i.png', mimeType: 'image/png', sizes: ['48x48'], theme: 'dark' }],
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      ...object,
      properties: { a: object },
      required: ['a'],
    },
    outputSchema: { ...object, properties: { b: {} }, required: ['b'] },
    annotations: {
      title: 'E',
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    execution: { taskSupport: 'optional' },
    _meta: { 'example.com/x': null },
  },
  prompts: {
    name: 'greet',
    title: 'Greet',
    description: 'Greets.',
    icons: [{ src: 'data:,x' }],
    arguments: [{ name: 'who', title: 'Who', description: 'Whom to greet', required: true }],
    _meta: {},
  },
  resources: {
    name: 'a',
    uri: 'file:///a',
    title: 'A',
    description: 'A file.',
    mimeType: 'text/plain',
    size: 7,
    icons: [],
    annotations: {
      audience: ['user', 'assistant'],
      priority: 0.5,
      lastModified: '2026-11-29T12:00:00+01:00',
    },
    _meta: { a: 1 },
  },
  resourceTemplates: {
    name: 't',
    uriTemplate: 'file:///{path}',
    title: 'T',
    description: 'Files.',
    mimeType: 'text/plain',
    icons: [{ src: 'x', theme: 'light' }],
    annotations: { audience: [], priority: 1, lastModified: '2026-11-29T12:00:00.5Z' },
    _meta: {},
  },
}

describe.each(eras)('for clients of the %s era', (era) => {
  const shown = (kind: EntryKind, entry: unknown) => fitEntry(kind, era, entry)

  test.each(entryKinds)('an entry of %s that is right passes as it is', async (kind) => {
    const fitted = shown(kind, whole[kind])
    expect(fitted.ok && fitted.entry).toBe(whole[kind])
    expect(await (await connectJudge(era)).refusal(kind, [whole[kind]])).toBeNull()
  })

  test('members that MCP does not know stay', () => {
    const odd = { ...whole.tools, 'x-own': null, more: { deep: [null] } }
    expect(shown('tools', odd)).toEqual({ ok: true, entry: odd })
  })

  test.each<readonly [string, EntryKind, Entry, Entry]>([
    ['a title that is null', 'tools', { title: null }, {}],
    ['annotations that are null', 'tools', { annotations: null }, {}],
    [
      'a hint that is null',
      'tools',
      { annotations: { readOnlyHint: null, title: 'x' } },
      { annotations: { title: 'x' } },
    ],
    [
      'no type of arguments',
      'tools',
      { inputSchema: { properties: { a: object } } },
      { inputSchema: { ...object, properties: { a: object } } },
    ],
    ['a type of arguments that is null', 'tools', { inputSchema: { type: null } }, { inputSchema: object }],
    [
      'arguments that may be null',
      'tools',
      { inputSchema: { type: ['object', 'null'] } },
      { inputSchema: object },
    ],
    [
      'arguments of several shapes',
      'tools',
      { inputSchema: { anyOf: [object] } },
      { inputSchema: { ...object, anyOf: [object] } },
    ],
    ['a result’s schema that is null', 'tools', { outputSchema: null }, {}],
    [
      'an icon’s theme that is null',
      'tools',
      { icons: [{ src: 'x', theme: null }] },
      { icons: [{ src: 'x' }] },
    ],
    ['no arguments', 'prompts', { arguments: null }, {}],
    [
      'an argument’s description that is null',
      'prompts',
      { arguments: [{ name: 'a', description: null }] },
      { arguments: [{ name: 'a' }] },
    ],
    ['a size that is null', 'resources', { size: null, mimeType: null }, {}],
    ['a day that is null', 'resources', { annotations: { lastModified: null } }, { annotations: {} }],
    ['_meta that is null', 'resourceTemplates', { _meta: null }, {}],
  ])('%s is mended', async (_, kind, given, wanted) => {
    const bare = {
      tools: { name: 'a', inputSchema: object },
      prompts: { name: 'a' },
      resources: { name: 'a', uri: 'a:b' },
      resourceTemplates: { name: 'a', uriTemplate: 'a:{b}' },
    }[kind]
    const fitted = shown(kind, { ...bare, ...given })
    expect(fitted).toEqual({ ok: true, entry: { ...bare, ...wanted } })
    expect(await (await connectJudge(era)).refusal(kind, [{ ...bare, ...wanted }])).toBeNull()
  })

  test.each<readonly [string, EntryKind, unknown, RegExp]>([
    ['is no object', 'tools', 7, /found 7; allowed: an object/],
    ['has no name', 'tools', { inputSchema: object }, /^\/name: found nothing/],
    ['has a name that is null', 'prompts', { name: null }, /^\/name: found null/],
    ['has no schema', 'tools', { name: 'a' }, /^\/inputSchema: found nothing/],
    ['has a schema that is null', 'tools', { name: 'a', inputSchema: null }, /^\/inputSchema: found null/],
    [
      'has a schema that is a list',
      'tools',
      { name: 'a', inputSchema: [] },
      /^\/inputSchema: found an array/,
    ],
    [
      'takes text',
      'tools',
      { name: 'a', inputSchema: { type: 'string' } },
      /^\/inputSchema\/type: found "string"/,
    ],
    [
      'describes itself by a number',
      'tools',
      { name: 'a', description: 5, inputSchema: object },
      /^\/description: found 5/,
    ],
    [
      'hints by text',
      'tools',
      { name: 'a', inputSchema: object, annotations: { readOnlyHint: 'yes' } },
      /readOnlyHint/,
    ],
    [
      'has an icon that is null',
      'tools',
      { name: 'a', inputSchema: object, icons: [null] },
      /^\/icons\/0: found null/,
    ],
    ['has an icon without source', 'prompts', { name: 'a', icons: [{ mimeType: 'x' }] }, /^\/icons\/0\/src/],
    ['has an argument without name', 'prompts', { name: 'a', arguments: [{}] }, /^\/arguments\/0\/name/],
    [
      'requires by text',
      'prompts',
      { name: 'a', arguments: [{ name: 'b', required: 'true' }] },
      /required: found "true"/,
    ],
    ['is no prompt that can be named', 'prompts', { name: '' }, /^\/name: found ""/],
    ['has no URI', 'resources', { name: 'a' }, /^\/uri: found nothing/],
    ['has a relative URI', 'resources', { name: 'a', uri: 'notes/1' }, /^\/uri: .*an absolute URI/],
    ['has a size of text', 'resources', { name: 'a', uri: 'a:b', size: '7' }, /^\/size/],
    [
      'has an infinite size',
      'resources',
      { name: 'a', uri: 'a:b', size: Number.POSITIVE_INFINITY },
      /^\/size/,
    ],
    [
      'matters too much',
      'resources',
      { name: 'a', uri: 'a:b', annotations: { priority: 2 } },
      /priority: found 2/,
    ],
    [
      'was changed on no day',
      'resources',
      { name: 'a', uri: 'a:b', annotations: { lastModified: '2026-02-30T00:00:00Z' } },
      /lastModified/,
    ],
    [
      'is for nobody known',
      'resources',
      { name: 'a', uri: 'a:b', annotations: { audience: ['everyone'] } },
      /audience\/0/,
    ],
    ['has no template', 'resourceTemplates', { name: 'a', uri: 'a:b' }, /^\/uriTemplate: found nothing/],
    ['has text for _meta', 'resourceTemplates', { name: 'a', uriTemplate: 'a:{b}', _meta: 'x' }, /^\/_meta/],
    [
      'is too deep',
      'tools',
      { name: 'a', inputSchema: { ...object, x: deep(100_000) } },
      /nested more deeply/,
    ],
  ])('what %s is refused, with its reason', (_, kind, entry, reason) => {
    expect(shown(kind, entry)).toEqual({ ok: false, reason: expect.stringMatching(reason) })
  })

  /** Any entry that is nearly right: some of its members, at any depth, are something else. */
  const nearly = (kind: EntryKind) =>
    fc
      .array(
        fc.record({
          path: fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
          value: fc.oneof(
            fc.constantFrom(null, true, false, 0, 7, -1, 1.5, '', 'x', 'object', [], {}, [null], [{}], {
              type: 'object',
            }),
            fc.jsonValue({ maxDepth: 2 }),
          ),
          isGone: fc.boolean(),
        }),
        { maxLength: 4 },
      )
      .map((changes) => {
        const entry = structuredClone(whole[kind])
        for (const { path, value, isGone } of changes) change(entry, path, value, isGone)
        return entry
      })

  test.each(entryKinds)('whatever %s are shown, the client of the SDK takes the list', async (kind) => {
    const judge = await connectJudge(era)
    await fc.assert(
      fc.asyncProperty(nearly(kind), async (entry) => {
        const fitted = shown(kind, entry)
        if (!fitted.ok) return
        expect(await judge.refusal(kind, [fitted.entry])).toBeNull()
        // What was mended once needs no more of it.
        expect(shown(kind, fitted.entry)).toEqual({ ok: true, entry: fitted.entry })
      }),
      { numRuns: 1_000 },
    )
  })
})

/** Puts a value in the place of another, which the numbers of the path lead to. */
function change(entry: Entry, path: readonly number[], value: unknown, isGone: boolean): void {
  let at: Record<string, unknown> = entry
  for (const [index, step] of path.entries()) {
    const names = Object.keys(at)
    const name = names[step % Math.max(1, names.length)]
    if (name === undefined) return
    const inner = at[name]
    if (index < path.length - 1 && typeof inner === 'object' && inner !== null) {
      at = inner as Record<string, unknown>
      continue
    }
    if (isGone && !Array.isArray(at)) delete at[name]
    else at[name] = value
    return
  }
}

test('a schema of results that the session era does not know is kept from its clients alone', () => {
  const seen = (era: Era, outputSchema: unknown) => {
    const fitted = fitEntry('tools', era, { name: 'a', inputSchema: object, outputSchema })
    return fitted.ok ? fitted.entry.outputSchema : fitted.reason
  }
  for (const schema of [{ type: 'array', items: {} }, { type: ['object', 'null'] }]) {
    expect(seen('session', schema)).toBeUndefined()
    expect(seen('stateless', schema)).toEqual(schema)
  }
  expect(seen('session', { properties: { a: true, b: false, c: null } })).toEqual({
    type: 'object',
    properties: { a: {}, b: { not: {} }, c: {} },
  })
  for (const era of ['session', 'stateless'] as const) expect(seen(era, [])).toBeUndefined()
})

test('properties that are true or false are schemas, which clients of the session era get as such', () => {
  const tool = { name: 'a', inputSchema: { ...object, properties: { a: true, b: false, __proto__: {} } } }
  const fitted = fitEntry('tools', 'session', tool)
  expect(fitted.ok && fitted.entry.inputSchema).toEqual({ ...object, properties: { a: {}, b: { not: {} } } })
  expect(fitEntry('tools', 'stateless', tool)).toEqual({ ok: true, entry: tool })
})

test('the reason says for whom it is one', () => {
  expect(judgeTool(whole.tools)).toEqual({ problem: null, isShown: true })
  expect(judgeTool({ name: 'a', inputSchema: null })).toEqual({
    problem: expect.stringMatching(/^\/inputSchema/),
    isShown: false,
  })
  const tool = { name: 'a', inputSchema: { ...object, required: 'a' } }
  expect(judgeTool(tool)).toEqual({
    problem: expect.stringMatching(/^for clients of the session era: \/inputSchema\/required/),
    isShown: true,
  })
  expect(judgeTool({ name: 'a', inputSchema: {} }).problem).toBeNull()
})

test('a number is one however it is written, and keeps its digits', () => {
  const read = (priority: string) =>
    parseExact(`{"name":"a","uri":"a:b","annotations":{"priority":${priority}},"size":1024.0}`)
  for (const priority of ['1.0', '0.50', '1e-1', '0.1000000000000000055']) {
    const fitted = fitEntry('resources', 'session', read(priority))
    expect(fitted).toMatchObject({ ok: true })
    if (fitted.ok) expect(JSON.stringify(fitted.entry)).toContain(`"priority":${priority}},"size":1024.0`)
  }
  for (const priority of ['2.0', '-1.0', '1e400'])
    expect(fitEntry('resources', 'session', read(priority)).ok).toBe(false)
})
