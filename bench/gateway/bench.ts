/**
 * What the gateway costs a tool call: directly to the upstream, through a bare streaming proxy in workerd, and
 * through Gatehouse with policy, limit, session and audit; interleaved in one run, so that the ratios hold on any
 * machine. Both eras; one principal, and spread over a hundred.
 *
 *   node bench/gateway/bench.ts [--seconds 1] [--rounds 5] [--widths 1,16,64] [--era session|stateless|both]
 *                               [--principals 1] [--against CHECKOUT]... [--without-gateway | --peers | --profile | --processor | --rows]
 *
 * With the defaults it takes about two and a half minutes. `--against` measures the gateway of another checkout beside this one's, round
 * by round in turn. `--peers` puts what somebody may use instead before the same upstream (peers.ts); `--profile` loads the gateway
 * alone and prints where its time goes (profile.ts); `--processor` how much of it a call takes (processor.ts); `--rows` how many rows a
 * call writes, as the platform bills them (rows.ts).
 */
import { parseArgs } from 'node:util'
import { eras } from '../../test/support/node/mcp-agent.ts'
import { OWN, startBuilds } from './builds.ts'
import { compareProfiles } from './compared.ts'
import { startPeers } from './peers.ts'
import { measureProcessor } from './processor.ts'
import { profileGateway } from './profile.ts'
import { type Measurable, measureRates } from './rates.ts'
import { countRows } from './rows.ts'
import { startSmallWorker } from './small-worker.ts'
import { gatewaySubject, PRINCIPALS, plainSubject } from './subjects.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    widths: { type: 'string', default: '1,16,64' },
    era: { type: 'string', default: 'both' },
    against: { type: 'string', multiple: true, default: [] },
    'without-gateway': { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    processor: { type: 'boolean', default: false },
    rows: { type: 'boolean', default: false },
    principals: { type: 'string', default: '1' },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const widths = values.widths.split(',').map(Number)
const wanted = eras.filter((era) => values.era === 'both' || values.era === era)
const { against } = values
const given = { seconds, rounds, widths, eras: wanted }

const stops: (() => Promise<void>)[] = []
try {
  if (values.profile && against[0] !== undefined)
    await compareProfiles({ seconds, rounds, widths, eras: wanted, against: against[0] })
  else if (values.profile) await profileGateway({ seconds, widths, eras: wanted })
  else if (values.processor)
    await measureProcessor({ ...given, against, principals: Number(values.principals) })
  else if (values.rows) await countRows({ seconds, widths, eras: wanted })
  else if (values.peers) await besidePeers()
  else await besideProxy()
} finally {
  for (const stop of stops.reverse()) await stop()
}

async function besideProxy(): Promise<void> {
  const { upstreamUrl, plain } = await startPlain()
  if (values['without-gateway']) return measureRates(plain, { widths, rounds, seconds })
  const builds = await startBuilds(upstreamUrl, stops, { against, grants: PRINCIPALS })
  const gateways: Measurable[] = []
  for (const era of wanted)
    for (const { name, gateway, tokens } of builds) {
      const label = name === OWN ? 'gatehouse' : `gatehouse (${name})`
      for (const some of [tokens.slice(0, 1), tokens.slice(1)])
        gateways.push({ build: name, subject: await gatewaySubject(gateway.url, some, era, label) })
    }
  await measureRates([...plain, ...gateways], { widths, rounds, seconds })
}

/** In the session era, which all of them speak. */
async function besidePeers(): Promise<void> {
  const { upstreamUrl, plain } = await startPlain()
  const peers = await startPeers(upstreamUrl, stops)
  const [build] = await startBuilds(upstreamUrl, stops, { against: [], grants: 1 })
  if (build === undefined) throw new Error('the gateway was not started')
  const { gateway, tokens } = build
  const own = { build: OWN, subject: await gatewaySubject(gateway.url, tokens, 'session'), pid: gateway.pid }
  const others = peers.map(({ subject, pid }) => ({ build: null, subject, pid: () => pid }))
  const alike = plain.filter(({ subject }) => subject.era === 'session')
  await measureRates([...alike, own, ...others], { widths, rounds, seconds })
}

async function startPlain(): Promise<{
  readonly upstreamUrl: string
  readonly plain: readonly Measurable[]
}> {
  const upstream = await startSmallWorker('upstream-worker.js')
  stops.push(() => upstream.stop())
  const proxy = await startSmallWorker('proxy-worker.js', { UPSTREAM: upstream.url })
  stops.push(() => proxy.stop())
  const plain: Measurable[] = []
  for (const era of values.peers ? (['session'] as const) : wanted)
    plain.push(
      { build: null, subject: await plainSubject('direct', upstream.url, era) },
      { build: null, subject: await plainSubject('proxy', proxy.url, era), pid: () => proxy.pid },
    )
  return { upstreamUrl: upstream.url, plain }
}
