/**
 * How much processor time a call takes of the gateway's process, all its threads together: a figure that other work on
 * the machine disturbs less than it does a rate. From /proc, so on Linux alone.
 */
import { readFileSync } from 'node:fs'
import { type BareGateway, startBare } from '../../test/support/node/bare-workerd.ts'
import { builtElsewhere } from '../../test/support/node/built-worker.ts'
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { load } from './load.ts'
import { median } from './median.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, type Subject, setUpGateway } from './subjects.ts'

/** Of one tick of `/proc/<pid>/stat`: USER_HZ is 100 on Linux, whatever the machine (proc(5)). */
const MICROS_A_TICK = 10_000

/** A gateway that is loaded, under the name that the output gives it. */
interface Build {
  readonly name: string
  readonly gateway: BareGateway
  /** The tokens of the grants that are set up in it. */
  readonly tokens: readonly string[]
}

/**
 * Loads a gateway of its own on one principal, and prints the time of a call: the least of `rounds`, and the median.
 *
 * @param options.against another checkout of this repository, with its packages installed: its gateway is measured, too, round
 *   by round in turn, so that whatever else the machine does meets both
 */
export async function measureProcessor(options: {
  readonly seconds: number
  readonly rounds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
  readonly against: string | null
}): Promise<void> {
  const stops: (() => Promise<void>)[] = []
  try {
    const upstream = await startSmallWorker('upstream-worker.js')
    stops.push(() => upstream.stop())
    const builds: Build[] = []
    for (const checkout of options.against === null ? [null] : [options.against, null]) {
      const built = checkout === null ? {} : { built: await builtElsewhere(checkout) }
      const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }, built)
      stops.push(() => gateway.stop())
      const tokens = await setUpGateway(gateway.url, upstream.url, 1)
      builds.push({ name: checkout === null ? 'this' : 'against', gateway, tokens })
    }
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
      const before = ticks(build.gateway.pid())
      const { rate } = await load(url, requests, { ...under, seconds })
      const spent = (ticks(build.gateway.pid()) - before) * MICROS_A_TICK
      micros.get(build)?.push(spent / (rate * seconds))
    }
  }
  const name = `${subjects[0]?.[1].era}, ${width} connection${width === 1 ? '' : 's'}`
  const least = (build: Build) => Math.min(...(micros.get(build) ?? []))
  const middle = (build: Build) => median(micros.get(build) ?? [])
  const figures = subjects.map(([build]) => {
    const label = subjects.length === 1 ? '' : `${build.name} `
    return `${label}${least(build).toFixed(0).padStart(5)} (${middle(build).toFixed(0)})`
  })
  console.log(
    `  ${name.padEnd(28)} ${figures.join('   ')} µs a call, least (median)${ratioOf([...micros.values()])}`,
  )
}

/** The ratio of the last build to the first, by the least times, and by the median of each round's ratio. Empty for a single build. */
function ratioOf([before, after]: readonly (readonly number[])[]): string {
  if (before === undefined || after === undefined) return ''
  const own = after.map((micros, round) => micros / (before[round] ?? micros))
  return `   ratio ${(Math.min(...after) / Math.min(...before)).toFixed(2)} (${median(own).toFixed(2)})`
}

/** User and system time of a process so far: the 14th and 15th field, counted behind the name, which may hold anything. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
