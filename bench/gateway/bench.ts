/**
 * What the gateway costs a tool call: directly to the upstream, through a bare streaming proxy in workerd, and
 * through Gatehouse with policy, limit, session and audit; interleaved in one run, so that the ratios hold on any
 * machine. Both eras; one principal, and spread over a hundred.
 *
 *   node bench/gateway/bench.ts [--seconds 1] [--rounds 5] [--widths 1,16,64] [--era session|stateless|both]
 *                               [--without-gateway] [--profile] [--processor [--against CHECKOUT]]
 *
 * With the defaults it takes about two and a half minutes. `--profile` loads the gateway alone and prints where its
 * time goes (profile.ts); `--processor` prints how much of it a call takes (processor.ts), with `--against` beside what a call
 * takes of another checkout's gateway.
 */
import { parseArgs } from 'node:util'
import { type BareGateway, startBare } from '../../test/support/node/bare-workerd.ts'
import { type Era, eras } from '../../test/support/node/mcp-agent.ts'
import { compareProfiles } from './compared.ts'
import { load, type Measured } from './load.ts'
import { median } from './median.ts'
import { measureProcessor } from './processor.ts'
import { profileGateway } from './profile.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, plainSubject, type Subject, setUpGateway } from './subjects.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    widths: { type: 'string', default: '1,16,64' },
    era: { type: 'string', default: 'both' },
    'without-gateway': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    processor: { type: 'boolean', default: false },
    against: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const widths = values.widths.split(',').map(Number)
const wanted = eras.filter((era) => values.era === 'both' || values.era === era)

/** Against the bare proxy, in the session era and on one principal. */
const goals = { ratio: new Map([16, 64].map((width, i) => [width, [0.4, 0.5][i] ?? 0])), addedP50: 0.5 }

const stops: (() => Promise<void>)[] = []
try {
  if (values.profile && values.against !== undefined)
    await compareProfiles({ seconds, rounds, widths, eras: wanted, against: values.against })
  else if (values.profile) await profileGateway({ seconds, widths, eras: wanted })
  else if (values.processor)
    await measureProcessor({ seconds, rounds, widths, eras: wanted, against: values.against ?? null })
  else await compare()
} finally {
  for (const stop of stops.reverse()) await stop()
}

async function compare(): Promise<void> {
  const upstream = await started(startSmallWorker('upstream-worker.js'))
  const proxy = await started(startSmallWorker('proxy-worker.js', { UPSTREAM: upstream.url }))
  const plain = await Promise.all(
    wanted.flatMap((era) => [
      plainSubject('direct', upstream.url, era),
      plainSubject('proxy', proxy.url, era),
    ]),
  )
  const subjects = values['without-gateway'] ? plain : [...plain, ...(await throughGateway(upstream.url))]

  for (const { url, requests } of subjects)
    await load(url, requests, { width: 16, seconds: 1, expected: EXPECTED })
  for (const width of widths) {
    const measured = new Map<Subject, Measured[]>(subjects.map((subject) => [subject, []]))
    for (let round = 0; round < rounds; round++) {
      for (const subject of subjects) {
        const { url, requests } = subject
        const one = await load(url, requests, { width, seconds, expected: EXPECTED })
        measured.get(subject)?.push(one)
      }
    }
    print(width, measured)
  }
}

async function throughGateway(upstreamUrl: string): Promise<readonly Subject[]> {
  const gateway: BareGateway = await started(startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }))
  const tokens = await setUpGateway(gateway.url, upstreamUrl)
  const subjects: Subject[] = []
  for (const era of wanted) {
    subjects.push(await gatewaySubject(gateway.url, tokens.slice(0, 1), era))
    subjects.push(await gatewaySubject(gateway.url, tokens.slice(1), era))
  }
  return subjects
}

async function started<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const running = await starting
  stops.push(() => running.stop())
  return running
}

/** Medians over the rounds; a ratio is the median of the rounds' own ratios, for what disturbs one disturbs both. */
function print(width: number, measured: ReadonlyMap<Subject, readonly Measured[]>): void {
  console.log(`\n${width} connection${width === 1 ? '' : 's'}`)
  console.log(
    `  ${''.padEnd(40)}     req/s  /proxy (least, most)  /direct      p50 (added)       p99 (added)`,
  )
  const of = (kind: Subject['kind'], era: Era) =>
    [...measured].find(([subject]) => subject.kind === kind && subject.era === era)?.[1] ?? []
  for (const [subject, own] of measured) {
    const proxy = of('proxy', subject.era)
    const direct = of('direct', subject.era)
    const ratios = (base: readonly Measured[]) => own.map((one, i) => one.rate / (base[i] ?? one).rate)
    const ratio = (base: readonly Measured[]) => median(ratios(base))
    const spread = `(${Math.min(...ratios(proxy)).toFixed(2)}, ${Math.max(...ratios(proxy)).toFixed(2)})`
    const added = (key: 'p50' | 'p99') => median(own.map((one, i) => one[key] - (proxy[i] ?? one)[key]))
    const of50 = median(own.map(({ p50 }) => p50))
    const of99 = median(own.map(({ p99 }) => p99))
    const rate = Math.round(median(own.map((one) => one.rate)))
    console.log(
      `  ${subject.name.padEnd(40)} ${String(rate).padStart(9)} ${ratio(proxy).toFixed(2).padStart(7)} ` +
        `${spread.padEnd(13)} ${ratio(direct).toFixed(2).padStart(8)} ${of50.toFixed(2).padStart(8)} (${signed(added('p50'))}) ` +
        `${of99.toFixed(2).padStart(9)} (${signed(added('p99'))}) ms` +
        `${subject.kind === 'gateway' ? verdict(subject, width, ratio(proxy), added('p50')) : ''}`,
    )
  }
}

/** Whether the goal is met, where there is one. */
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
