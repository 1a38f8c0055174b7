/** Plays cases against a policy. */
import type { Policy } from '../policy/model.ts'
import type { Case, Expected } from './cases.ts'
import { memoryCounters } from './memory.ts'
import { momentMs } from './moment.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** When calls are made that do not say when: a Tuesday. Always the same, so that a case has one outcome. */
const NOON_MS = 1_893_499_200_000

export interface Played {
  readonly name: string
  /** The first call that came out otherwise than expected, or null. */
  readonly failure: Failure | null
}

export interface Failure {
  /** Which call of the case, from 1; each repetition is one. */
  readonly call: number
  readonly of: number
  readonly expected: Pick<Expected, 'expect' | 'rule' | 'message'>
  readonly came: Verdict
}

/** Plays one case, on counters of its own. */
export function play(policy: Policy, { name, calls }: Case): Played {
  const store = memoryCounters()
  const of = calls.reduce((sum, { repeat = 1 }) => sum + repeat, 0)
  let number = 0
  for (const expected of calls) {
    const { tool, args = {}, annotations, account = null, label = '', at, repeat = 1 } = expected
    const nowMs = (at === undefined ? null : momentMs(at)) ?? NOON_MS
    for (let i = 0; i < repeat; i++) {
      number += 1
      const call = { tool, args, annotations }
      const came = verdictOf(policy, call, { nowMs, account, label }, { session: null, account }, store)
      if (!meets(came, expected)) {
        const { expect, rule, message } = expected
        return { name, failure: { call: number, of, expected: { expect, rule, message }, came } }
      }
    }
  }
  return { name, failure: null }
}

function meets(came: Verdict, { expect, rule, message }: Expected): boolean {
  return (
    came.verdict === expect &&
    (rule === undefined || came.rule === rule) &&
    (message === undefined || came.message === message)
  )
}

/** A case as a line, and below it, where it failed, what was expected and what came. */
export function describePlayed({ name, failure }: Played): string[] {
  if (failure === null) return [`  ✓ ${name}`]
  const { call, of, expected, came } = failure
  const lines = [
    `  ✗ ${name}`,
    `      expected ${describe(expected.expect, expected.rule, expected.message)}`,
    `      came     ${describe(came.verdict, came.rule, came.message)}`,
  ]
  return of === 1 ? lines : [...lines, `      at call ${call} of ${of}`]
}

function describe(verdict: string, rule?: string, message?: string | null): string {
  const by = rule === undefined ? '' : ` by ${rule}`
  return `${verdict}${by}${message === undefined || message === null ? '' : `: ${message}`}`
}
