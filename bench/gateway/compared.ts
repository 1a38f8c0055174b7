/**
 * Where the processor time of one build's call goes beside another's: CPU profiles of both, round by round in turn, so that
 * whatever else the machine does meets both. Functions are matched by name and source file, so one that moved is two.
 */
import { type BareGateway, startBare } from '../../test/support/node/bare-workerd.ts'
import { builtElsewhere } from '../../test/support/node/built-worker.ts'
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { steadyPort } from '../../test/support/node/steady-port.ts'
import { inspect } from './inspector.ts'
import { load } from './load.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, type Subject, setUpGateway } from './subjects.ts'

const SHOWN = 45

interface Build {
  readonly gateway: BareGateway
  readonly inspector: string
  readonly tokens: readonly string[]
}

interface Spent {
  /** Self time by `function file` and by file, over all calls. */
  readonly functions: Map<string, number>
  readonly files: Map<string, number>
  calls: number
}

export async function compareProfiles(options: {
  readonly seconds: number
  readonly rounds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
  readonly against: string
}): Promise<void> {
  const stops: (() => Promise<void>)[] = []
  try {
    const upstream = await startSmallWorker('upstream-worker.js')
    stops.push(() => upstream.stop())
    const builds: Build[] = []
    for (const checkout of [options.against, null]) {
      const inspector = `127.0.0.1:${await steadyPort()}`
      const gateway = await startBare(
        { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
        {
          flags: [`--inspector-addr=${inspector}`],
          ...(checkout === null ? {} : { built: await builtElsewhere(checkout) }),
        },
      )
      stops.push(() => gateway.stop())
      builds.push({ gateway, inspector, tokens: await setUpGateway(gateway.url, upstream.url, 1) })
    }
    for (const era of options.eras) {
      const subjects: [Build, Subject][] = []
      for (const build of builds)
        subjects.push([build, await gatewaySubject(build.gateway.url, build.tokens, era)])
      for (const width of options.widths) {
        console.log(`\n${era}, ${width} connection${width === 1 ? '' : 's'}`)
        print(await profiled(subjects, width, options))
      }
    }
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

async function profiled(
  subjects: readonly [Build, Subject][],
  width: number,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly Spent[]> {
  const under = { width, seconds, expected: EXPECTED }
  for (const [, { url, requests }] of subjects) await load(url, requests, under)
  const spent = new Map<Build, Spent>(
    subjects.map(([build]) => [build, { functions: new Map(), files: new Map(), calls: 0 }]),
  )
  for (let round = 0; round < rounds; round++) {
    for (const [build, { url, requests }] of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const own = spent.get(build)
      if (own === undefined) continue
      const { selfMicros } = await inspect(`http://${build.inspector}`, async () => {
        own.calls += (await load(url, requests, under)).rate * seconds
      })
      for (const { name, file, micros } of selfMicros.values()) {
        if (name === '(idle)') continue
        add(own.functions, `${name}  ${file}`, micros)
        add(own.files, file, micros)
      }
    }
  }
  return [...spent.values()]
}

function add(sums: Map<string, number>, key: string, micros: number): void {
  sums.set(key, (sums.get(key) ?? 0) + micros)
}

function print([against, own]: readonly Spent[]): void {
  if (against === undefined || own === undefined) return
  for (const kind of ['files', 'functions'] as const) {
    const keys = new Set([...against[kind].keys(), ...own[kind].keys()])
    const rows = [...keys].map((key) => {
      const before = (against[kind].get(key) ?? 0) / against.calls
      const after = (own[kind].get(key) ?? 0) / own.calls
      return { key, before, after, more: after - before }
    })
    const sum = (of: 'before' | 'after') => rows.reduce((total, row) => total + row[of], 0)
    console.log(`  by ${kind}: ${sum('before').toFixed(0)} µs a call, now ${sum('after').toFixed(0)}`)
    for (const { key, before, after, more } of rows
      .toSorted((a, b) => Math.abs(b.more) - Math.abs(a.more))
      .slice(0, SHOWN))
      console.log(
        `  ${more < 0 ? '' : '+'}${more.toFixed(1)} µs`.padEnd(14) +
          `${before.toFixed(1).padStart(7)} ${after.toFixed(1).padStart(7)}  ${key}`,
      )
  }
}
