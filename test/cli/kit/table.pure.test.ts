/** Tables at a terminal: what is cut, what is left out, and what never is. */
import { describe, expect, test } from 'vitest'
import { fittedTable, table } from '../../../src/cli/kit/table.ts'
import { gatehouse } from '../../support/node/cli.ts'

const ROWS = [
  ['name', 'label', 'policy', 'note'],
  ['clerk-of-the-front-office', 'An agent that looks things up', 'readers', '—'],
  ['bot', '—', 'open', '—'],
]

describe('a table at a terminal', () => {
  test('that is wide enough is what it is anywhere', () => {
    expect(fittedTable(ROWS, 80)).toEqual(table(ROWS))
  })

  test('goes first without the columns in which no row has anything', () => {
    expect(fittedTable(ROWS, 66)).toEqual([
      'name                       label                          policy',
      'clerk-of-the-front-office  An agent that looks things up  readers',
      'bot                        —                              open',
    ])
  })

  test('is cut where it is longest, and never in its first column', () => {
    expect(fittedTable(ROWS, 50)).toEqual([
      'name                       label           policy',
      'clerk-of-the-front-office  An agent that…  readers',
      'bot                        —               open',
    ])
    const narrow = fittedTable(ROWS, 10)
    expect(narrow[1]).toBe('clerk-of-the-front-office  An ag…  reade…')
  })

  test.each([20, 41, 42, 43, 49, 65, 66, 72])(
    'of %i characters has no longer line, where that can be',
    (width) => {
      const longest = Math.max(...fittedTable(ROWS, width).map((line) => line.length))
      expect(longest).toBeLessThanOrEqual(Math.max(width, 41))
    },
  )

  test('of one row without heads keeps all of its columns', () => {
    expect(fittedTable([['2030-01-01', '—', 'a-very-long-name', 'deny']], 26, false)).toEqual([
      '2030-01-01  —  a-ver…  deny',
    ])
  })
})

const items = [{ name: 'bot', label: 'An agent that looks things up for people', policy: 'readers' }]

async function printed(line: string, width: number | null) {
  const variables = { GATEHOUSE_URL: 'https://gate.example', GATEHOUSE_TOKEN: 't', GATEHOUSE_TENANT: 'acme' }
  const send = async () => ({
    ok: true as const,
    status: 200,
    header: () => null,
    pieces: (async function* () {
      yield JSON.stringify({ items, next: null })
    })(),
  })
  return (await gatehouse(line.split(' '), {}, { variables, send, width })).out
}

test('a list is cut at a terminal alone: what a program reads is whole', async () => {
  const whole = await printed('grant list', null)
  expect(whole).toContain('An agent that looks things up for people')
  const cut = await printed('grant list', 40)
  expect(cut).toMatch(/^name +label +policy\nbot +An agent .*… +readers\n$/)
  expect(Math.max(...cut.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40)
  expect(JSON.parse(await printed('grant list --json', 40))).toEqual({ items })
})
