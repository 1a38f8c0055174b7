/** docs/policy.md is true: every block of it is run, and nothing that the engine can say is missing from it. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { operators } from '../../src/policy/condition.ts'
import { dialects } from '../../src/policy/dialect.ts'
import { scopes, windowNames } from '../../src/policy/model.ts'
import { facts } from '../../src/policy/path.ts'
import { hostedSchema, ruleSchema, shortSchema } from '../../src/policy/schema.ts'
import { said } from './messages.ts'
import { type Block, blocksOf } from './page.ts'
import { blockKinds, follow } from './page-runs.ts'

const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8')
const blocks = blocksOf(page)
const count = (kind: string) => blocks.filter((block) => block.kind === kind).length

describe('the page', () => {
  test('says of every block what it is', () => {
    expect(page.match(/^```/gm)).toHaveLength(2 * blocks.length)
    const unmarked = blocks.filter(({ language, kind }) => !blockKinds.has(`${language} ${kind}`))
    expect(unmarked).toEqual([])
  })

  test('has examples of everything', () => {
    expect(count('policy')).toBeGreaterThanOrEqual(14)
    expect(count('refused')).toBeGreaterThanOrEqual(24)
    expect(count('problems')).toBe(count('refused'))
    expect(page.match(/^\S+ \{.*\} ?.* -> /gm)?.length).toBeGreaterThanOrEqual(90)
    expect(page.match(/^\S+ .* given .* -> /gm)?.length).toBeGreaterThanOrEqual(39)
  })

  test('follows each policy with what comes of it, and each refused one with its problems', () => {
    for (const [i, { kind, line }] of blocks.entries()) {
      const next = blocks[i + 1]?.kind
      if (kind === 'policy') expect(['decisions', 'warnings'], `line ${line}`).toContain(next)
      if (kind === 'refused') expect(next, `line ${line}`).toBe('problems')
    }
  })
})

describe('every block is as the engine says', () => {
  test.each(follow(blocks).map((run) => [run.block.line, run.block.kind, run] as const))(
    'line %d: %s',
    (_, __, { block, engine }) => {
      expect(asLines(block)).toEqual(engine)
    },
  )
})

/** Of a policy is said what is wrong with it, which is nothing. */
function asLines({ kind, text }: Block): readonly string[] {
  return kind === 'policy' ? [] : text.split('\n').filter((line) => line !== '')
}

describe('nothing is missing from the page', () => {
  test.each([
    ['operator', operators],
    ['scope', scopes],
    ['window', windowNames],
    ['dialect', dialects],
    ['path', Object.keys(facts)],
    ['code', ['no_policy', 'hidden', 'default_deny', 'denied', 'approval_required', 'rate_limited']],
    ['name of the hosted dialect', namesIn(hostedSchema())],
    ['name of the rule dialect', namesIn(ruleSchema())],
    ['name of the short dialect', namesIn(shortSchema())],
  ])('no %s', (_, words) => {
    const code = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text as string).join(' ')
    expect(words.filter((word) => !code.includes(word))).toEqual([])
  })

  test('no bound of a schema', () => {
    const text = JSON.stringify([hostedSchema(), ruleSchema(), shortSchema()])
    const bounds = [...text.matchAll(/"max(?:imum|Length|Items)":(\d+)/g)].map(([, bound]) => Number(bound))
    expect(bounds.length).toBeGreaterThan(5)
    expect(bounds.filter((bound) => !page.includes(bound.toLocaleString('en-US')))).toEqual([])
  })

  const unsaid = [
    // The YAML parser has not been seen to throw.
    /^text that cannot be parsed$/,
    // No example has so many.
    /^ entries$/,
    // Of a limit in shadow only its rule is written down.
    /^The limit of $|^ is used up\.$/,
    // The end of a counter's key, and how zod begins what it has no words for.
    /^ sliding$|^Invalid $/,
  ]

  /** What the engine was seen to say: prose around the blocks proves nothing. */
  const outcomes = blocks
    .filter(({ kind }) => !['policy', 'refused', 'tools', 'servers'].includes(kind))
    .map(({ text }) => text)
    .join('\n')
  const folder = new URL('../../src/policy/', import.meta.url)
  /** They describe policies to people who compare them, or who write a grant: docs/cli.md and docs/native.md show their words. */
  const elsewhere = ['changes.ts', 'meaning.ts', 'refused-natives.ts', 'wording.ts']
  test.each(readdirSync(folder).filter((name) => !elsewhere.includes(name)))('no message of %s', (name) => {
    const missing = said(readFileSync(new URL(name, folder), 'utf8')).filter(
      (words) => !outcomes.includes(words) && !unsaid.some((one) => one.test(words)),
    )
    expect(missing).toEqual([])
  })
})

/** The names that a JSON Schema allows for members. */
function namesIn(schema: unknown): string[] {
  if (schema === null || typeof schema !== 'object') return []
  const { properties } = schema as { properties?: Record<string, unknown> }
  return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(namesIn)]
}
