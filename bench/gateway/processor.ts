/**
 * How much processor time a call takes of the gateway's process, all its threads together: a figure that other work on
 * the machine disturbs less than it does a rate. From /proc, so on Linux alone.
 */
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { type Build, startBuilds } from './builds.ts'
import { load } from './load.ts'
import { median } from './median.ts'
import { startSmallWorker } from './small-worker.ts'
import { spentMicros } from './spent.ts'
import { EXPECTED, gatewaySubject, type Subject } from './subjects.ts'

/**
 * Loads a gateway of its own, and prints the time of a call: the least of `rounds`, and the median.
 *
 * @param options.against other checkouts of this repository, with their packages installed: their gateways are measured, too, round
 *   by round in turn, so that whatever else the machine does meets all of them
 * @param options.principals over which the calls are spread
 */
export async function measureProcessor(options: {
  readonly seconds: number
  readonly rounds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
  readonly against: readonly string[]
  readonly principals: number
}): Promise<void> {
  const stops: (() => Promise<void>)[] = []
  try {
    const upstream = await startSmallWorker('upstream-worker.js')
    stops.push(() => upstream.stop())
    const builds = await startBuilds(upstream.url, stops, {
      against: options.against,
      grants: options.principals,
    })
    for (const era of options.eras) {
      const subjects: [Build, Subject][] = []
      for (const build of builds)
        subjects.push([build, await gatewaySubject(build.gateway.url, build.tokens, era)])
      for (const width of options.widths) await measure(subjects, width, options)
    }
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

async function measure(
  subjects: readonly [Build, Subject][],
  width: number,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<void> {
  const under = { width, expected: EXPECTED }
  for (const [, { url, requests }] of subjects) await load(url, requests, { ...under, seconds: 2 })
  const micros = new Map<Build, number[]>(subjects.map(([build]) => [build, []]))
  for (let round = 0; round < rounds; round++) {
    // Whichever comes second takes some hundredths more, also beside itself.
    for (const [build, { url, requests }] of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const before = spentMicros(build.gateway.pid())
      const { calls } = await load(url, requests, { ...under, seconds })
      micros.get(build)?.push((spentMicros(build.gateway.pid()) - before) / calls)
    }
  }
  const first = [...micros.values()][0] ?? []
  console.log(`  ${subjects[0]?.[1].era}, ${width} connection${width === 1 ? '' : 's'}`)
  for (const [{ name }, own] of micros) {
    const label = subjects.length === 1 ? '' : name
    const figures = `${Math.min(...own)
      .toFixed(0)
      .padStart(6)} (${median(own).toFixed(0)}) µs a call, least (median)`
    console.log(`    ${label.padEnd(16)} ${figures}${own === first ? '' : ratioOf(first, own)}`)
  }
}

/** The ratio of a build to the first, by the least times, and by the median of each round's ratio with its quartiles. */
function ratioOf(before: readonly number[], after: readonly number[]): string {
  const own = after.map((micros, round) => micros / (before[round] ?? micros)).toSorted((a, b) => a - b)
  const at = (part: number) => (own[Math.min(own.length - 1, Math.floor(own.length * part))] ?? 1).toFixed(3)
  const least = (Math.min(...after) / Math.min(...before)).toFixed(3)
  return `   ratio to the first ${least} (${median(own).toFixed(3)}, quartiles ${at(0.25)} to ${at(0.75)})`
}
