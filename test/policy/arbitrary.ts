/** Random policies and calls, small enough that they meet. */
import fc from 'fast-check'
import type { ConditionDocument } from '../../src/policy/condition.ts'

export const tools = ['t', 'u', 'v'] as const

const scalar = fc.constantFrom<unknown>(0, 1, 2.5, -1, '1', '2.50', 'x', 'xyz', '', true, null)
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.record({ b: scalar }))

/** Arguments under the names that the conditions look at. */
export const args = fc.record(
  { a: value, b: value, items: fc.oneof(value, fc.array(fc.record({ p: scalar }), { maxLength: 3 })) },
  { requiredKeys: [] },
)

const path = fc.constantFrom(
  'args.a',
  'args.b',
  'args.a.b',
  'args.items[0].p',
  'args.items[*].p',
  'args["b"]',
)
const bound = fc.constantFrom<number | string>(0, 1, '2.5')
const comparison = fc.oneof(
  fc.record({ path, op: fc.constantFrom('eq', 'neq', 'contains'), value: scalar }),
  fc.record({
    path,
    op: fc.constantFrom('in', 'not_in'),
    value: fc.array(scalar, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ path, op: fc.constantFrom('lt', 'lte', 'gt', 'gte'), value: bound }),
  fc.record({ path, op: fc.constant('regex'), value: fc.constantFrom('x', '^y', '[0-9]+') }),
  fc.record({ path, op: fc.constant('exists'), value: fc.boolean() }),
  fc.record({
    path: fc.constant('session.account'),
    op: fc.constant('eq'),
    value: fc.constantFrom('ana', 'bo'),
  }),
  fc.record({ path: fc.constant('time.hour'), op: fc.constant('gte'), value: fc.constantFrom(11, 13) }),
)
export const condition = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    comparison,
    fc.record({ any_of: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('any') }),
  ),
})).any as fc.Arbitrary<ConditionDocument>

const conditions = fc.array(condition, { maxLength: 3 })
const said = { on_deny: fc.constantFrom('No.', 'Ask Ana.'), shadow: fc.boolean() }
const when = fc.record({ conditions, ...said }, { requiredKeys: ['conditions'] })
const window = fc.constantFrom('minute', 'day', 90)
/** Counters are told apart by name, so that two limits never contradict each other. */
const limit = fc.oneof(
  fc.record(
    { counter: fc.constantFrom('calls', 'more'), window, max: fc.nat(3), sliding: fc.boolean(), ...said },
    { requiredKeys: ['counter', 'window', 'max'] },
  ),
  fc.record(
    {
      counter: fc.constant('sum'),
      window,
      max: fc.constantFrom('2.5', 7),
      increment_from: fc.constant('args.a'),
      strict: fc.boolean(),
      ...said,
    },
    { requiredKeys: ['counter', 'window', 'max', 'increment_from'] },
  ),
)

/** One rule of the hosted dialect, as the list it belongs to and its entry. */
export const hostedRule = fc.oneof(
  fc.tuple(fc.constant('deny_if' as const), when),
  fc.tuple(
    fc.constant('require' as const),
    fc.oneof(
      condition,
      when.filter((one) => one.conditions.length > 0),
    ),
  ),
  fc.tuple(fc.constant('require_approval' as const), when),
  fc.tuple(fc.constant('limits' as const), limit),
)
export type HostedRule = readonly [
  list: 'deny_if' | 'require' | 'require_approval' | 'limits',
  entry: unknown,
]

/** An entry of `tools`, or `all_tools`, with these rules. */
export function entryOf(rules: readonly HostedRule[]): Record<string, unknown[]> {
  const entry: Record<string, unknown[]> = {}
  for (const [list, rule] of rules) {
    entry[list] ??= []
    entry[list].push(rule)
  }
  return entry
}

const top = {
  version: fc.constant('1'),
  default: fc.constantFrom('allow', 'deny'),
  hide: fc.subarray([...tools, '*'], { maxLength: 1 }),
  mode: fc.constantFrom('enforce', 'enforce', 'shadow'),
}
const requiredKeys = ['version'] as const

/** What is read, as policies name it: some of it by two names. */
export const resources = ['s+x:/a', 's+x:/b', 's+x:/%61', 's+x:/b/../a', 'r+x:/a', 's+y:'] as const
export const prompts = ['s__p', 's__q', 'r__p'] as const
const resourceKey = fc.constantFrom('s+x:/*', 's+*', '*+x:/a', 's+x:/a', '*')
const promptKey = fc.constantFrom('s__*', 's__p', '*__p', '*')

/** The sections on reading of a dialect, whose entries are these. */
function readingOf<E, A>(entry: fc.Arbitrary<E>, all: fc.Arbitrary<A>) {
  const resources = fc.dictionary(resourceKey, entry, { maxKeys: 3 })
  return { resources, prompts: fc.dictionary(promptKey, entry, { maxKeys: 3 }), all }
}

const ownLimit = fc.record(
  { counter: fc.constant('reads'), window, max: fc.nat(3), ...said },
  { requiredKeys: ['counter', 'window', 'max'] },
)
const hostedReading = fc.oneof(
  fc.constant({ hide: true }),
  fc.record(
    { deny_if: fc.array(when, { maxLength: 2 }), limits: fc.array(ownLimit, { maxLength: 1 }) },
    { requiredKeys: [] },
  ),
)

export const hostedParts = fc.record({
  reading: fc.record(readingOf(hostedReading, fc.record({ limits: fc.array(ownLimit, { maxLength: 1 }) })), {
    requiredKeys: [],
  }),
  top: fc.record(top, { requiredKeys: [...requiredKeys] }),
  tools: fc.dictionary(fc.constantFrom(...tools), fc.array(hostedRule, { maxLength: 4 }), { maxKeys: 3 }),
  all: fc.array(hostedRule, { maxLength: 2 }),
})
export type HostedParts = typeof hostedParts extends fc.Arbitrary<infer P> ? P : never

export function hostedDocument({ top, tools, all, reading }: HostedParts) {
  return {
    ...top,
    ...reading,
    all_tools: entryOf(all),
    tools: Object.fromEntries(Object.entries(tools).map(([tool, rules]) => [tool, entryOf(rules)])),
  }
}

const stateOf = fc
  .record(
    {
      counter: fc.constantFrom('n', 'm'),
      window,
      scope: fc.constantFrom('grant', 'account'),
      increment: bound,
    },
    { requiredKeys: ['counter', 'window'] },
  )
  .map(({ increment, ...state }) =>
    increment === 0 || increment === undefined ? state : { ...state, increment },
  )

function ruleOf(tool: string) {
  const counter = (name: string) => `state.${tool === '*' ? '_global' : tool}.${name}`
  return fc.oneof(
    fc.record({ action: fc.constant('deny'), ...said }, { requiredKeys: ['action'] }),
    fc.record({ action: fc.constant('require_approval'), conditions, ...said }, { requiredKeys: ['action'] }),
    fc.record(
      { conditions: fc.array(condition, { minLength: 1, maxLength: 3 }), ...said },
      { requiredKeys: ['conditions'] },
    ),
    fc.record(
      { rate_limit: fc.constantFrom('1/minute', '2/minute', '3/day'), ...said },
      { requiredKeys: ['rate_limit'] },
    ),
    fc
      .tuple(stateOf, fc.constantFrom('lt', 'lte'), bound, conditions, fc.record(said, { requiredKeys: [] }))
      .map(([state, op, max, more, words]) => ({
        state,
        // Where calls are counted, a maximum is whole.
        conditions: [
          ...more,
          { path: counter(state.counter), op, value: 'increment' in state || max !== '2.5' ? max : 2 },
        ],
        ...words,
      })),
  )
}

/** Rules whose counters are declared once. */
function rulesOf(tool: string) {
  return fc.array(ruleOf(tool), { maxLength: 4 }).map((rules) => {
    const seen = new Set<string>()
    return rules.filter((rule) => {
      if (!('state' in rule)) return true
      const isNew = !seen.has(rule.state.counter)
      seen.add(rule.state.counter)
      return isNew
    })
  })
}

const rate = fc.record(
  { rate_limit: fc.constantFrom('1/minute', '2/minute', '3/day'), ...said },
  { requiredKeys: ['rate_limit'] },
)
const readingRule = fc.oneof(
  fc.record({ action: fc.constant('deny'), ...said }, { requiredKeys: ['action'] }),
  fc.record(
    { conditions: fc.array(condition, { minLength: 1, maxLength: 2 }), ...said },
    { requiredKeys: ['conditions'] },
  ),
  rate,
)

const entry = (tool: string) => fc.record({ rules: rulesOf(tool) })
export const ruleDocument = fc.record(
  {
    ...top,
    tools: fc.record({ t: entry('t'), u: entry('u'), '*': entry('*') }, { requiredKeys: ['t'] }),
    ...readingOf(
      fc.oneof(fc.constant({ hide: true }), fc.record({ rules: fc.array(readingRule, { maxLength: 3 }) })),
      fc.record({ rules: fc.array(rate, { maxLength: 1 }) }),
    ),
  },
  { requiredKeys: ['version', 'tools'] },
)

const short = fc.oneof(
  fc.record(
    { action: fc.constant('deny'), reason: said.on_deny, shadow: said.shadow },
    { requiredKeys: ['action'] },
  ),
  fc
    .record(
      {
        action: fc.constantFrom('allow', 'require_approval'),
        reason: said.on_deny,
        shadow: said.shadow,
        rate_limit: fc.record(
          {
            max: fc.nat(3),
            window: fc.constantFrom(1, 60),
            sliding: fc.boolean(),
            scope: fc.constantFrom('grant', 'account'),
          },
          { requiredKeys: ['max', 'window'] },
        ),
      },
      { requiredKeys: ['action'] },
    )
    .map(({ shadow, ...it }) =>
      // Of a tool that is simply allowed there is nothing to watch.
      shadow === undefined || (it.action === 'allow' && it.rate_limit === undefined) ? it : { ...it, shadow },
    ),
)
export const shortDocument = fc.record(
  {
    ...top,
    tools: fc.record({ t: short, u: short, '*': short }, { requiredKeys: ['t'] }),
    ...readingOf(
      fc.oneof(
        fc.constant({ action: 'hide' }),
        short.filter(({ action }) => action !== 'require_approval'),
      ),
      fc.record(
        {
          rate_limit: fc.record({ max: fc.nat(3), window: fc.constantFrom(1, 60) }),
          reason: said.on_deny,
          shadow: said.shadow,
        },
        { requiredKeys: ['rate_limit'] },
      ),
    ),
  },
  { requiredKeys: ['tools'] },
)
