/** Plays cases against a policy. */
import { sameJson } from '../../base/json.ts'
import { completionCall } from '../../policy/completion.ts'
import type { Call, Policy } from '../../policy/model.ts'
import { readKey } from '../../policy/reading.ts'
import { calledAs } from '../kit/called.ts'
import { memoryCounters } from '../kit/memory.ts'
import { momentMs } from '../kit/moment.ts'
import type { Case, Expected } from './cases.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** The time of calls that do not say theirs: a Tuesday, always the same, so that a case has one outcome. Unix milliseconds. */
const NOON_MS = 1_893_499_200_000

export interface Played {
  readonly name: string
  /** The first call that came out otherwise than expected, or null. */
  readonly failure: Failure | null
}

export interface Failure {
  /** The call's number within the case, from 1; each repetition counts. */
  readonly call: number
  readonly of: number
  readonly expected: Pick<Expected, 'expect' | 'rule' | 'message' | 'shadow'>
  readonly came: Verdict
}

/** Plays one case, on counters of its own. */
export function play(policy: Policy, { name, calls }: Case): Played {
  const store = memoryCounters()
  const of = calls.reduce((sum, { repeat = 1 }) => sum + repeat, 0)
  let number = 0
  for (const expected of calls) {
    const { account = null, session = null, label = '', at } = expected
    const nowMs = (at === undefined ? null : momentMs(at)) ?? NOON_MS
    const call = callOf(expected)
    for (let i = 0; i < (expected.repeat ?? 1); i++) {
      number += 1
      const came = verdictOf(policy, call, {
        context: { nowMs, account, label },
        subject: { session, account },
        store,
      })
      if (!meets(came, expected)) {
        const { expect, rule, message, shadow } = expected
        return { name, failure: { call: number, of, expected: { expect, rule, message, shadow }, came } }
      }
    }
  }
  return { name, failure: null }
}

/** Makes the call, or the read, that a case describes. */
function callOf({ tool = '', resource, prompt, args = {}, completion, annotations }: Expected): Call {
  if (completion !== undefined && resource !== undefined)
    return completionCall('resource', resource, completion)
  if (completion !== undefined && prompt !== undefined) return completionCall('prompt', prompt, completion)
  if (resource !== undefined) {
    const uri = readKey('resource', resource)?.pattern
    return { kind: 'resource', tool: resource, args: { uri, ...args }, annotations }
  }
  return prompt === undefined
    ? { ...calledAs(tool), args, annotations }
    : { kind: 'prompt', tool: prompt, args, annotations }
}

function meets(came: Verdict, { expect, rule, message, shadow }: Expected): boolean {
  return (
    came.verdict === expect &&
    (rule === undefined || came.rule === rule) &&
    (message === undefined || came.message === message) &&
    (shadow === undefined || sameJson(shadow, came.shadow))
  )
}

/** A case as a line, and below it, where it failed, what was expected and what came. */
export function describePlayed({ name, failure }: Played): string[] {
  if (failure === null) return [`  ✓ ${name}`]
  const { call, of, expected, came } = failure
  const lines = [
    `  ✗ ${name}`,
    `      expected ${describe({ ...expected, verdict: expected.expect })}`,
    // The case does not ask about shadow, so nothing is said about it.
    `      came     ${describe(expected.shadow === undefined ? { ...came, shadow: undefined } : came)}`,
  ]
  return of === 1 ? lines : [...lines, `      at call ${call} of ${of}`]
}

function describe({ verdict, rule, message, shadow }: Described): string {
  const by = rule === undefined ? '' : ` by ${rule}`
  const told = message === undefined || message === null ? '' : `: ${message}`
  const watched = shadow === undefined ? '' : `; in shadow: ${shadow.join(', ') || 'nothing'}`
  return `${verdict}${by}${told}${watched}`
}

interface Described {
  readonly verdict: Verdict['verdict']
  readonly rule?: string | undefined
  readonly message?: string | null | undefined
  readonly shadow?: readonly string[] | undefined
}
