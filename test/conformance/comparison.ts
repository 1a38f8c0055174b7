/** Two runs of the conformance suite side by side: a server asked directly, and asked through the gateway. */
import type { Check, Findings } from './suite.ts'

/** How many checks succeeded. */
export function countPassed({ scenarios }: Findings): number {
  return [...scenarios.values()].flat().filter(isSuccess).length
}

export interface Shortcoming {
  readonly scenario: string
  readonly id: string
  readonly message: string
}

/** Failures, and warnings, which the suite itself passes over. */
export function shortcomings({ scenarios }: Findings): readonly Shortcoming[] {
  return [...scenarios].flatMap(([scenario, checks]) =>
    checks
      .filter(isShortcoming)
      .map((check) => ({ scenario, id: check.id, message: describe(scenario, check) })),
  )
}

/**
 * What got lost on the way through the gateway: every check that succeeded directly and not through it, and
 * every failure or warning that is new.
 */
export function lost(direct: Findings, through: Findings): readonly string[] {
  return [...direct.scenarios].flatMap(([scenario, expected]) => {
    const found = through.scenarios.get(scenario)
    if (found === undefined) return [`${scenario}: has not been run`]
    const known = counted(expected.filter(isShortcoming))
    const worse = found.filter((check) => isShortcoming(check) && !take(known, check))
    const passed = counted(found.filter(isSuccess))
    const missing = expected
      .filter((check) => isSuccess(check) && !take(passed, check))
      // A check that failed is named by its failure already.
      .filter((check) => !worse.some(({ id }) => id === check.id))
      .map((check) => `${scenario}: ${check.id} succeeds directly only: ${check.description}`)
    return [...worse.map((check) => describe(scenario, check)), ...missing]
  })
}

function isSuccess({ status }: Check): boolean {
  return status === 'SUCCESS'
}

function isShortcoming({ status }: Check): boolean {
  return status === 'FAILURE' || status === 'WARNING'
}

function describe(scenario: string, { status, id, description, errorMessage }: Check): string {
  return `${scenario}: ${status} ${id}: ${errorMessage ?? description}`
}

/** Scenarios make some checks several times under one id, which only the description tells apart, if anything. */
function keyOf({ id, description }: Check): string {
  return `${id}\n${description}`
}

function counted(checks: readonly Check[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const check of checks) counts.set(keyOf(check), (counts.get(keyOf(check)) ?? 0) + 1)
  return counts
}

/** Takes one of them away; false when there is none left. */
function take(counts: Map<string, number>, check: Check): boolean {
  const left = counts.get(keyOf(check)) ?? 0
  counts.set(keyOf(check), left - 1)
  return left > 0
}
