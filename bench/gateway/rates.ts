/** Rates and times of several subjects, measured round by round in turn, and printed beside the bare proxy's. */
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { OWN } from './builds.ts'
import { load, type Measured } from './load.ts'
import { median } from './median.ts'
import { spentMicros, withChildren } from './spent.ts'
import { EXPECTED, type Subject } from './subjects.ts'

/** Against the bare proxy, in the session era and on one principal. */
const goals = {
  ratio: new Map([
    [16, 0.4],
    [64, 0.5],
  ]),
  addedP50: 0.5,
}

/** A subject, and the build that it goes through; null for what is no build of the gateway. */
export interface Measurable {
  readonly subject: Subject
  readonly build: string | null
  /** The process whose processor time is printed beside the rate; absent: none is. */
  readonly pid?: () => number
}

interface Round extends Measured {
  /** Processor time of a call, in the process and all that it has started; null where nobody asked. */
  readonly micros: number | null
}

type Table = ReadonlyMap<Measurable, readonly Round[]>

/** Measures all of them at each width, and prints a table. */
export async function measureRates(
  all: readonly Measurable[],
  {
    widths,
    rounds,
    seconds,
  }: { readonly widths: readonly number[]; readonly rounds: number; readonly seconds: number },
): Promise<void> {
  for (const { subject } of all)
    await load(subject.url, subject.requests, { width: 16, seconds: 1, expected: EXPECTED })
  for (const width of widths) {
    const measured = new Map<Measurable, Round[]>(all.map((one) => [one, []]))
    for (let round = 0; round < rounds; round++)
      // Whichever comes second takes some hundredths more, also beside itself.
      for (const one of round % 2 === 0 ? all : all.toReversed())
        measured.get(one)?.push(await once(one, width, seconds))
    print(width, measured)
  }
}

async function once({ subject, pid }: Measurable, width: number, seconds: number): Promise<Round> {
  const pids = pid === undefined ? [] : withChildren(pid())
  const before = spentMicros(...pids)
  const measured = await load(subject.url, subject.requests, { width, seconds, expected: EXPECTED })
  const micros = pid === undefined ? null : (spentMicros(...pids) - before) / measured.calls
  return { ...measured, micros }
}

/** Medians over the rounds; a ratio is the median of the rounds' own ratios, for what disturbs one disturbs both. */
function print(width: number, measured: Table): void {
  console.log(`\n${width} connection${width === 1 ? '' : 's'}`)
  console.log(
    `  ${''.padEnd(48)}     req/s  /proxy (least, most)  /direct      p50 (added)       p99 (added)`,
  )
  const of = (kind: Subject['kind'], era: Era) =>
    [...measured].find(([{ subject }]) => subject.kind === kind && subject.era === era)?.[1] ?? []
  for (const [one, own] of measured) {
    const { subject } = one
    const proxy = of('proxy', subject.era)
    const direct = of('direct', subject.era)
    const ratios = ratiosOf(own, proxy)
    const spread = `(${Math.min(...ratios).toFixed(2)}, ${Math.max(...ratios).toFixed(2)})`
    const added = (key: 'p50' | 'p99') => median(differences(own, proxy, key))
    const of50 = median(own.map(({ p50 }) => p50))
    const of99 = median(own.map(({ p99 }) => p99))
    const rate = Math.round(median(own.map((it) => it.rate)))
    console.log(
      `  ${subject.name.padEnd(48)} ${String(rate).padStart(9)} ${median(ratios).toFixed(2).padStart(7)} ` +
        `${spread.padEnd(13)} ${median(ratiosOf(own, direct)).toFixed(2).padStart(8)} ` +
        `${of50.toFixed(2).padStart(8)} (${signed(added('p50'))}) ${of99.toFixed(2).padStart(9)} (${signed(added('p99'))}) ms` +
        `${processor(own)}${one.build === OWN ? verdict(subject, width, median(ratios), added('p50')) : ''}`,
    )
    for (const line of beside(one, measured)) console.log(`      ${line}`)
  }
}

function ratiosOf(own: readonly Round[], base: readonly Round[]): number[] {
  return own.map((one, round) => one.rate / (base[round] ?? one).rate)
}

function differences(own: readonly Round[], base: readonly Round[], key: 'p50' | 'p99'): number[] {
  return own.map((one, round) => one[key] - (base[round] ?? one)[key])
}

function processor(own: readonly Round[]): string {
  const micros = own.map((one) => one.micros).filter((it) => it !== null)
  return micros.length === 0 ? '' : `  ${median(micros).toFixed(0)} µs of processor a call`
}

/** The working tree's build beside each other build under the same load, and beside each of the peers. */
function beside({ build, subject }: Measurable, measured: Table): readonly string[] {
  if (build !== OWN) return []
  const own = [...measured].find(([one]) => one.subject === subject)?.[1] ?? []
  const others = [...measured].filter(
    ([other]) =>
      other.subject.era === subject.era &&
      other.subject.principals === subject.principals &&
      (other.subject.kind === 'peer' || (other.build !== null && other.build !== OWN)),
  )
  return others.map(([other, rounds]) => {
    const name = other.build ?? other.subject.name
    const p50 = median(differences(own, rounds, 'p50'))
    return `beside ${name}: ${median(ratiosOf(own, rounds)).toFixed(2)} of its rate, p50 ${signed(p50).trim()} ms`
  })
}

/** Says that the goal is met or missed, where there is one. */
function verdict({ era, principals }: Subject, width: number, ratio: number, addedP50: number): string {
  if (era !== 'session' || principals !== 1) return ''
  const goal = goals.ratio.get(width)
  if (goal !== undefined) return `  goal ${goal.toFixed(2)}: ${ratio >= goal ? 'met' : 'MISSED'}`
  if (width === 1)
    return `  goal +${goals.addedP50.toFixed(2)} ms: ${addedP50 <= goals.addedP50 ? 'met' : 'MISSED'}`
  return ''
}

function signed(ms: number): string {
  return `${ms < 0 ? '' : '+'}${ms.toFixed(2)}`.padStart(6)
}
