import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  expose,
  exposedName,
  exposeUri,
  exposures,
  isServerName,
  originalName,
  split,
  splitUri,
} from '../../src/names/tools.ts'

const serverNames = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/).filter(isServerName)
const anyName = fc.string({ unit: 'binary', maxLength: 100 })

describe('the name of a server', () => {
  test.each(['a', 'github', 'a-b-1', 'z'.repeat(31)])('may be %s', (name) => {
    expect(isServerName(name)).toBe(true)
  })
  test.each([
    '',
    'A',
    '1a',
    '-a',
    'a_b',
    'a.b',
    'crm-',
    'a-',
    'z'.repeat(32),
    'session',
    'legiti',
    'a\n',
    'ä',
  ])('may not be %j', (name) => expect(isServerName(name)).toBe(false))
})

describe('the exposed name of a tool', () => {
  test('is the server and the name where clients accept that', () => {
    expect(expose('gh', 'create_issue')).toBe('gh__create_issue')
    expect(expose('gh', '_x')).toBe('gh___x')
    expect(expose('gh', 'a'.repeat(44))).toBe(`gh__${'a'.repeat(44)}`)
  })

  test('is cut and marked where they would not', () => {
    expect(expose('z'.repeat(31), 'foobar'.repeat(6))).toBe(`${'z'.repeat(31)}__foobar_46ac7225`)
    expect(expose('gh', 'a.b')).toBe('gh__a_b_108bf50c')
    expect(expose('gh', '👋')).toBe('gh____2e914508')
    expect(expose('gh', '')).toBe('gh___811c9dc5')
  })

  test('is accepted by clients, whatever the server calls it', () => {
    fc.assert(
      fc.property(serverNames, anyName, (server, name) => {
        const exposed = expose(server, name)
        // The prefix of 16 characters that clients put before it still fits in 64.
        expect(exposed).toMatch(/^[A-Za-z0-9_-]{1,48}$/)
        expect(split(exposed)?.server).toBe(server)
      }),
    )
  })

  test.each(['create_issue', 'session__x', 'A__x', '__x', 'gh__', 'a_b__c', ''])('%j is none', (name) => {
    expect(split(name)).toBeNull()
  })

  test('is parted at the first two underscores', () => {
    expect(split('gh__a__b')).toEqual({ server: 'gh', name: 'a__b' })
    expect(split('gh___b')).toEqual({ server: 'gh', name: '_b' })
  })
})

describe('the names that a server lists', () => {
  test('are kept, the odd ones renamed', () => {
    const odd = expose('s', 'a.b').slice(3)
    expect(exposures('s', ['b', 'a.b', 'constructor'])).toEqual({ renamed: { [odd]: 'a.b' }, leftOut: [] })
  })

  test('clash predictably', () => {
    const odd = expose('s', 'a.b').slice(3)
    const reason = `it would be exposed as s__${odd}, as "a.b" is already`
    const expected = { renamed: { [odd]: 'a.b' }, leftOut: [{ name: odd, reason }] }
    expect(exposures('s', ['a.b', odd])).toEqual(expected)
    expect(exposures('s', [odd, 'a.b'])).toEqual(expected)
    const late = expose('s', 'ä').slice(3)
    // The plain name comes first in this pair, and keeps what it is called.
    expect(exposures('s', ['ä', late])).toMatchObject({ renamed: {}, leftOut: [{ name: 'ä' }] })
  })

  test('are left out when empty, and kept once when listed twice', () => {
    expect(exposures('s', ['a', '', 'a', ''])).toEqual({
      renamed: {},
      leftOut: [
        { name: '', reason: 'the name is empty' },
        { name: 'a', reason: 'the server lists it 2 times; the first one is kept' },
      ],
    })
  })

  test('each lead back to themselves, in any order', () => {
    const many = fc.array(fc.oneof(anyName, fc.constantFrom('a.b', expose('s', 'a.b').slice(3), '__proto__')))
    fc.assert(
      fc.property(many, (names) => {
        const { renamed, leftOut } = exposures('s', names)
        expect(exposures('s', names.toReversed())).toEqual({ renamed, leftOut })
        const shown = new Set<string>()
        for (const name of new Set(names)) {
          const exposed = exposedName('s', name, renamed)
          if (exposed === null) {
            expect(leftOut.map((one) => one.name)).toContain(name)
            continue
          }
          expect(shown).not.toContain(exposed)
          shown.add(exposed)
          expect(originalName(split(exposed)?.name ?? '', renamed)).toBe(name)
        }
      }),
    )
  })
})

describe('the URI of a resource', () => {
  test('carries its server in the scheme', () => {
    expect(exposeUri('docs', 'file:///a')).toBe('docs+file:///a')
    expect(new URL(exposeUri('docs', 'file:///a')).protocol).toBe('docs+file:')
    expect(exposeUri('docs', 'x://{+path}')).toBe('docs+x://{+path}')
  })

  test('is parted, however it was written', () => {
    const parted = { server: 'docs', uri: 'git+ssh://x/a__b' }
    expect(splitUri('docs+git+ssh://x/a__b')).toEqual(parted)
    expect(splitUri('docs__git+ssh://x/a__b')).toEqual(parted)
    expect(splitUri('DOCS+git+ssh://x/a__b')).toEqual(parted)
  })

  test.each(['file:///a', 'session+file:///a', '+a', 'a+', 'a_+b', '1+b', 'x://a+b'])('%j is none', (uri) => {
    expect(splitUri(uri)).toBeNull()
  })

  test('comes back', () => {
    fc.assert(
      fc.property(serverNames, fc.string({ minLength: 1 }), (server, uri) => {
        expect(splitUri(exposeUri(server, uri))).toEqual({ server, uri })
        expect(splitUri(`${server}__${uri}`)).toEqual({ server, uri })
      }),
    )
  })
})
