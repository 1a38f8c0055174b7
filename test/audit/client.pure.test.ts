/** What a client says of itself, as rows of the audit trail have it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientIn, clientNamed } from '../../src/audit/client.ts'

const named = (name: unknown, version: unknown = '1.0') => clientNamed({ name, version })
const nameOf = (name: unknown) => named(name)?.name ?? null

describe('a name', () => {
  test.each<[string, unknown, string | null]>([
    ['as clients have it', 'claude-code', 'claude-code'],
    ['of a client behind a proxy', 'claude-ai (via mcp-remote 0.1.38)', 'claude-ai (via mcp-remote 0.1.38)'],
    ['in another script', 'エージェント', 'エージェント'],
    ['with spaces around it', '  agent ', 'agent'],
    ['on several lines', 'agent\r\n2030-01-01 allow', 'agent 2030-01-01 allow'],
    ['that steers a terminal', '\u001b[31magent\u0007', '[31magent'],
    ['with characters that are not seen', 'cl\u200bau\u00adde\u2060', 'claude'],
    ['that is read from right to left', '\u202etnega', 'tnega'],
    ['with text in tags', `agent${'\u{e0061}\u{e0062}\u{e0063}'}`, 'agent'],
    ['with text in variation selectors', 'agent\ufe00\u{e0101}', 'agent'],
    ['with half a character', 'agent\ud83d', 'agent'],
    ['with a character for private use', 'agent\ue000x', 'agent x'],
    ['of blanks alone', ' \u3164\t\u00a0', null],
    ['that is empty', '', null],
    ['that is no text', 5, null],
    ['that is missing', undefined, null],
    ['of 64 characters', 'n'.repeat(64), 'n'.repeat(64)],
    ['that is longer', 'n'.repeat(65), `${'n'.repeat(63)}…`],
    ['that ends within a character', `${'n'.repeat(62)}\u{1f600}\u{1f600}`, `${'n'.repeat(62)}…`],
    ['without end', `${' '.repeat(600)}agent`, null],
    ['with markup', '<script>alert(1)</script>', '<script>alert(1)</script>'],
  ])('%s', (_, given, kept) => {
    expect(nameOf(given)).toBe(kept)
  })

  test('is kept without a version, and a version is not without a name', () => {
    expect(clientNamed({ name: 'agent' })).toEqual({ name: 'agent', version: null })
    expect(named('agent', 2)).toEqual({ name: 'agent', version: null })
    expect(named('agent', '\u200b')).toEqual({ name: 'agent', version: null })
    expect(named('agent', '1'.repeat(33))).toEqual({ name: 'agent', version: `${'1'.repeat(31)}…` })
    expect(named(null, '1.0')).toBeNull()
    for (const info of [null, undefined, 'agent', [], 5]) expect(clientNamed(info)).toBeNull()
  })

  test('is bounded, on one line and seen, whatever was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (text) => {
        const kept = nameOf(text)
        if (kept === null) return
        expect(kept.length).toBeLessThanOrEqual(64)
        expect(kept).toMatch(/^\S(?:.*\S)?$/u)
        expect(kept).not.toMatch(/\p{C}|[\u2028\u2029\u3164]|[\uFE00-\uFE0F]/u)
        // Once more, it is what it is: what is asked for by it is found by it.
        expect(nameOf(kept)).toBe(kept)
      }),
      { numRuns: 2_000 },
    )
  })
})

test('a message names its client in the envelope alone', () => {
  const info = { name: 'agent', version: '1' }
  const key = 'io.modelcontextprotocol/clientInfo'
  expect(clientIn({ params: { _meta: { [key]: info } } })).toEqual(info)
  for (const body of [
    { params: { _meta: {} } },
    { params: { clientInfo: info } },
    { params: { _meta: { clientInfo: info } } },
    { _meta: { [key]: info } },
    { params: [] },
    { params: { _meta: { [key]: 'agent' } } },
    [{ params: { _meta: { [key]: info } } }],
    null,
    'x',
  ])
    expect(clientIn(body)).toBeNull()
})
