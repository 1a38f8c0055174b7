/** What holds for every policy and every call. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, isListed, isReadable } from '../../src/policy/decide.ts'
import { loadPolicy, loadPolicyText } from '../../src/policy/load.ts'
import type { Decision, Policy, ToolRules } from '../../src/policy/model.ts'
import {
  args,
  entryOf,
  type HostedParts,
  hostedDocument,
  hostedParts,
  hostedRule,
  prompts,
  resources,
  ruleDocument,
  shortDocument,
  tools,
} from './arbitrary.ts'
import { call, NOON, policyOf } from './support.ts'

const tool = fc.constantFrom(...tools)

describe('hiding', () => {
  test('hidden implies denied, and what is not listed cannot be called', () => {
    fc.assert(
      fc.property(hostedParts, tool, args, (parts, called, given) => {
        fc.pre(parts.top.mode !== 'shadow')
        const policy = policyOf(hostedDocument(parts))
        const decision = decide(policy, call(given, called), NOON)
        if (!isListed(policy, called)) expect(decision.action).toBe('deny')
        if (parts.top.hide?.some((name) => name === called || name === '*')) {
          expect(isListed(policy, called)).toBe(false)
          expect(decision).toMatchObject({ action: 'deny', code: 'hidden' })
        }
      }),
    )
  })
})

describe('adding a rule', () => {
  const rank = { allow: 2, require_approval: 1, deny: 0 } as const
  const charges = (decision: Decision) =>
    decision.action === 'deny' ? [] : decision.charges.map(({ rule: _, ...charge }) => JSON.stringify(charge))

  test('never allows more: to a tool that is named, to every tool, or to the hidden ones', () => {
    const place = fc.constantFrom('tool', 'all', 'hide')
    fc.assert(
      fc.property(hostedParts, tool, hostedRule, place, args, (parts, called, rule, where, given) => {
        // Under default deny, naming a tool allows it: that is no rule, but its first one would come with it.
        fc.pre(parts.tools[called] !== undefined && parts.top.mode !== 'shadow')
        const before = decide(policyOf(hostedDocument(parts)), call(given, called), NOON)
        const after = decide(policyOf(withRule(parts, called, rule, where)), call(given, called), NOON)
        expect(rank[after.action]).toBeLessThanOrEqual(rank[before.action])
        if (after.action !== 'deny') expect(charges(after)).toEqual(expect.arrayContaining(charges(before)))
      }),
      { numRuns: 500 },
    )
  })

  function withRule(parts: HostedParts, called: string, rule: HostedParts['all'][number], where: string) {
    const document = hostedDocument(parts)
    if (where === 'hide') return { ...document, hide: [...(parts.top.hide ?? []), called] }
    if (where === 'all') return { ...document, all_tools: entryOf([...parts.all, rule]) }
    const rules = entryOf([...(parts.tools[called as 't'] ?? []), rule])
    return { ...document, tools: { ...document.tools, [called]: rules } }
  }

  test('in shadow changes no decision and no charge', () => {
    fc.assert(
      fc.property(hostedParts, tool, hostedRule, args, (parts, called, [list, entry], given) => {
        fc.pre(list !== 'require' || 'conditions' in (entry as object))
        const watching = [list, { ...(entry as object), shadow: true }] as HostedParts['all'][number]
        const before = decide(policyOf(hostedDocument(parts)), call(given, called), NOON)
        const after = decide(policyOf(withRule(parts, called, watching, 'all')), call(given, called), NOON)
        expect(after.action).toBe(before.action)
        if (after.action === 'deny') return
        const enforced = (decision: Decision) =>
          decision.action === 'deny' ? [] : decision.charges.filter(({ shadow }) => !shadow)
        expect(enforced(after)).toEqual(enforced(before))
      }),
    )
  })
})

describe('converting to the hosted dialect', () => {
  /** A decision without the places of its rules, which are other ones in another document. */
  function meaning(decision: Decision) {
    const { rule: _, trace, shadow, ...rest } = decision
    return {
      ...rest,
      ...('charges' in rest ? { charges: rest.charges.map(({ rule: _, ...charge }) => charge) } : {}),
      trace: trace.map(({ condition: _, ...sight }) => sight),
      shadow: shadow.map(({ rule: _, ...one }) => one),
    }
  }

  const read = [
    ...resources.map((name) => ['resource', name] as const),
    ...prompts.map((name) => ['prompt', name] as const),
  ]

  test.each([
    ['the rule dialect', ruleDocument],
    ['the short dialect', shortDocument],
    ['the hosted dialect itself', hostedParts.map(hostedDocument)],
  ] as const)('never changes a decision: from %s', (_, documents) => {
    fc.assert(
      fc.property(documents as fc.Arbitrary<unknown>, tool, args, (document, called, given) => {
        const loaded = loadPolicy(document)
        if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
        const converted = loadPolicyText(JSON.stringify(loaded.hosted))
        if (!converted.ok) throw new Error(JSON.stringify(converted.problems))
        expect(converted.dialect).toBe('hosted')
        // All at once: to compare each by itself would cost more than to decide.
        const decisions = ({ policy }: { readonly policy: Policy }) => [
          { called: meaning(decide(policy, call(given, called), NOON)), isListed: isListed(policy, called) },
          ...read.map(([kind, name]) => {
            const uri = name.replace(/^\w\+/, '')
            const decision = decide(policy, { kind, tool: name, args: { ...given, uri } }, NOON)
            return { name, read: meaning(decision), isReadable: isReadable(policy, kind, name) }
          }),
        ]
        expect(decisions(converted)).toEqual(decisions(loaded))
      }),
      { numRuns: 300 },
    )
  })
})

describe('evaluation', () => {
  test('is linear in the rules that name the tool: no other tool is ever looked at', () => {
    const rules = { require: Array.from({ length: 5 }, () => ({ path: 'args.a', op: 'eq', value: 1 })) }
    const names = Array.from({ length: 2_000 }, (_, i) => `tool_${i}`)
    const policy = policyOf({ version: '1', tools: Object.fromEntries(names.map((name) => [name, rules])) })
    let looked = 0
    class OneLookup extends Map<string, ToolRules> {
      override get(name: string) {
        looked += 1
        return super.get(name)
      }
      override [Symbol.iterator](): never {
        throw new Error('a loop over tools')
      }
      override forEach(): never {
        throw new Error('a loop over tools')
      }
    }
    const watched = new OneLookup()
    for (const [name, it] of policy.tools) watched.set(name, it)
    const decision = decide({ ...policy, tools: watched } as Policy, call({ a: 1 }, 'tool_1234'), NOON)
    expect(decision).toMatchObject({ action: 'allow', trace: { length: 5 } })
    expect(looked).toBe(1)
  })

  test('never throws, and never looks at what is not there', () => {
    fc.assert(
      fc.property(hostedParts, tool, fc.dictionary(fc.string(), fc.jsonValue()), (parts, called, given) => {
        expect(decide(policyOf(hostedDocument(parts)), call(given, called), NOON).action).toMatch(
          /^(allow|deny|require_approval)$/,
        )
      }),
    )
  })

  test('says nothing of an argument’s value', () => {
    fc.assert(
      fc.property(hostedParts, tool, fc.constantFrom('a', 'b', 'items'), (parts, called, name) => {
        const decision = decide(policyOf(hostedDocument(parts)), call({ [name]: 'k4n4ry' }, called), NOON)
        expect(JSON.stringify(decision)).not.toContain('k4n4ry')
      }),
    )
  })
})
