import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Each, lookFor, MISSING, UNFIT } from '../../src/policy/look.ts'
import { facts, parsePath } from '../../src/policy/path.ts'
import { NOON } from './support.ts'

const args = {
  amount: 5,
  to: { name: 'Ana', 'a.b': 1, 'x]"y': 2 },
  items: [
    { price: 1, tags: ['x'] },
    { price: 2, tags: [] },
  ],
  none: null,
  deep: [[1, 2], [3]],
}

function look(text: string, given: Record<string, unknown> = args, annotations?: Record<string, unknown>) {
  const parsed = parsePath(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.allowed}`)
  return lookFor(parsed.path)({ tool: 't', args: given, annotations }, NOON)
}

describe('a path into the arguments', () => {
  test.each<[string, unknown]>([
    ['args.amount', 5],
    ['args["amount"]', 5],
    ['args.to.name', 'Ana'],
    ['args.to["a.b"]', 1],
    ['args.to["x]\\"y"]', 2],
    ['args.items[1].price', 2],
    ['args.items[0].tags[0]', 'x'],
    ['args.none', null],
    ['args.missing', MISSING],
    ['args.missing.more', MISSING],
    ['args.to.missing', MISSING],
    ['args.items[2]', MISSING],
    ['args.none.more', MISSING],
    ['args.none[0]', MISSING],
    ['args.amount.more', UNFIT],
    ['args.amount[0]', UNFIT],
    ['args.items.price', UNFIT],
    ['args.to[0]', UNFIT],
    ['args.to[*]', UNFIT],
    ['args.constructor', MISSING],
    ['args.to.toString', MISSING],
    ['args.items[*].price', new Each([1, 2])],
    ['args.items[*].missing', new Each([MISSING, MISSING])],
    ['args.items[*].price.more', new Each([UNFIT, UNFIT])],
    ['args.deep[*][*]', new Each([new Each([1, 2]), new Each([3])])],
  ])('%s', (path, seen) => {
    expect(look(path)).toEqual(seen)
  })

  test('any name can be reached, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), (name) => {
        fc.pre(name !== '__proto__')
        expect(look(`args[${JSON.stringify(name)}]`, { [name]: 7 })).toBe(7)
      }),
    )
  })
})

describe('a fact', () => {
  test.each<[string, unknown]>([
    ['session.account', 'ana'],
    ['grant.label', 'Agent'],
    ['time.hour', 12],
    ['time.hour@UTC', 12],
    ['time.hour@America/Sao_Paulo', 9],
    ['time.hour@Asia/Kolkata', 17],
    ['time.weekday', 'tuesday'],
    ['time.weekday@Pacific/Auckland', 'wednesday'],
  ])('%s', (path, seen) => {
    expect(look(path)).toBe(seen)
  })

  test('midnight is hour 0, in every zone, and before 1970 there were weekdays, too', () => {
    const at = (path: string, time: string) => {
      const parsed = parsePath(path)
      return parsed.ok && lookFor(parsed.path)({ tool: 't', args: {} }, { ...NOON, nowMs: Date.parse(time) })
    }
    expect(at('time.hour@America/Sao_Paulo', '2030-01-01T03:00:00Z')).toBe(0)
    expect(at('time.hour', '2030-01-01T00:00:00Z')).toBe(0)
    expect(at('time.weekday', '1969-12-28T12:00:00Z')).toBe('sunday')
    expect(at('time.hour', '1969-12-31T23:59:00Z')).toBe(23)
  })

  test('without a session there is no account', () => {
    const parsed = parsePath('session.account')
    expect(parsed.ok && lookFor(parsed.path)({ tool: 't', args: {} }, { ...NOON, account: null })).toBe(
      MISSING,
    )
  })

  test('annotations that a tool does not give have the values that MCP gives them', () => {
    const hint = (name: string) => look(`tool.annotations.${name}`)
    expect([
      hint('readOnlyHint'),
      hint('destructiveHint'),
      hint('idempotentHint'),
      hint('openWorldHint'),
    ]).toEqual([false, true, false, true])
    expect(hint('title')).toBe(MISSING)
    expect(look('tool.annotations.readOnlyHint', {}, { readOnlyHint: true })).toBe(true)
    expect(look('tool.annotations.title', {}, { title: 'Pay' })).toBe('Pay')
  })

  test('every one that is offered can be read', () => {
    for (const fact of Object.keys(facts)) expect(parsePath(fact).ok).toBe(true)
  })
})

test('a path may have 512 characters', () => {
  expect(parsePath(`args.${'a'.repeat(507)}`).ok).toBe(true)
  expect(parsePath(`args.${'a'.repeat(508)}`).ok).toBe(false)
})

describe('what is no path', () => {
  test.each([
    '',
    'args',
    'args.',
    'args[0]',
    'args[*]',
    'args.a..b',
    'args.a b',
    'args.a[',
    'args.a[-1]',
    'args.a[1.5]',
    'args.a["x]',
    'args.a["\\q"]',
    "args['a']",
    `args.${'a'.repeat(600)}`,
    'argsa',
    'session',
    'session.account@UTC',
    'time.minute',
    'time.hour@',
    'time.hour@+03:00',
    'time.hour@Mars/Olympus',
    'state.t.c',
    'constructor',
  ])('%j', (text) => {
    expect(parsePath(text).ok).toBe(false)
  })

  test('reading one never throws', () => {
    const pieces = fc.constantFrom('args', '.', '[', ']', '"', '*', '0', 'a', '\\', '@', 'time.hour', 'UTC')
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        expect(typeof parsePath(parts.join('')).ok).toBe('boolean')
      }),
    )
  })
})
