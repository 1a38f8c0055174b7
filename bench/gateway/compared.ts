/**
 * Where the processor time of one build's call goes beside another's: CPU profiles of both, round by round in turn, so that
 * whatever else the machine does meets both. Functions are matched by name and source file, so one that moved is two.
 */
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { steadyPort } from '../../test/support/node/steady-port.ts'
import { type Build, startBuilds } from './builds.ts'
import { inspect } from './inspector.ts'
import { load } from './load.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, type Subject } from './subjects.ts'

const SHOWN = 45

interface Inspected {
  readonly build: Build
  readonly subject: Subject
  /** host:port */
  readonly inspector: string
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
    const inspectors: string[] = []
    const builds = await startBuilds(upstream.url, stops, {
      against: [options.against],
      grants: 1,
      isReadable: true,
      optionsOf: async () => {
        const inspector = `127.0.0.1:${await steadyPort()}`
        inspectors.push(inspector)
        return { flags: [`--inspector-addr=${inspector}`] }
      },
    })
    for (const era of options.eras) {
      const subjects: Inspected[] = []
      for (const [i, build] of builds.entries()) {
        const subject = await gatewaySubject(build.gateway.url, build.tokens, era)
        subjects.push({ build, subject, inspector: inspectors[i] ?? '' })
      }
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
  subjects: readonly Inspected[],
  width: number,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly Spent[]> {
  const under = { width, seconds, expected: EXPECTED }
  for (const { subject } of subjects) await load(subject.url, subject.requests, under)
  const spent = new Map<Build, Spent>(
    subjects.map(({ build }) => [build, { functions: new Map(), files: new Map(), calls: 0 }]),
  )
  for (let round = 0; round < rounds; round++) {
    for (const { build, subject, inspector } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const own = spent.get(build)
      if (own === undefined) continue
      const { selfMicros } = await inspect(`http://${inspector}`, async () => {
        own.calls += (await load(subject.url, subject.requests, under)).calls
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
