/**
 * The protocol's own conformance suite against reference servers behind the gateway, at `/mcp/<server>`: what a
 * server passes when it is asked directly, it must pass through the gateway.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { countPassed, lost, shortcomings } from './comparison.ts'
import { register } from './registration.ts'
import { runs } from './scenarios.ts'
import { startShim } from './shim.ts'
import { type Findings, runScenarios } from './suite.ts'
import { type StartReference, type UpstreamRun, upstreamRuns } from './upstream-runs.ts'

const cases = upstreamRuns
  .flatMap((run) => Object.entries(run.upstreams).map(([upstream, start]) => ({ run, upstream, start })))
  .map((it, i) => ({ ...it, server: `reference-${i}` }))

let gateway: BareGateway | undefined

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`through the gateway${skipped}`, () => {
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })

  afterAll(() => gateway?.stop())

  describe.each(cases)('$run.name, $upstream', ({ run, start, server }) => {
    let direct: Promise<Findings>
    let through: Promise<Findings>

    beforeAll(() => {
      // Side by side, each against a server of its own: scenarios change what their server lists.
      direct = askDirectly(run, start)
      through = askThroughGateway(run, start, server)
      // Whichever fails, fails in its test.
      direct.catch(() => {})
      through.catch(() => {})
    })

    test('passes what it can when it is asked directly', async () => {
      const findings = await direct
      const unexpected = shortcomings(findings).filter(([scenario]) => run.shortOf[scenario] === undefined)
      expect(unexpected, findings.output).toEqual([])
      expect(countPassed(findings)).toBeGreaterThanOrEqual(run.passes)
    })

    test('passes the same through the gateway', async () => {
      const findings = await through
      expect(lost(await direct, findings), findings.output).toEqual([])
    })
  })
})

test.each(runs.map((run) => [run.name, run] as const))(
  '%s: whatever the native servers lack a fixture for is run behind the gateway',
  async (_, { suite, revision, behindGateway }) => {
    const run = upstreamRuns.find((it) => it.suite === suite && it.revision === revision)
    if (run === undefined) throw new Error(`nothing runs ${suite} at ${revision} behind the gateway`)
    const [start] = Object.values(run.upstreams)
    if (start === undefined) throw new Error(`${run.name} has no server`)
    const { scenarios } = await askDirectly(run, start)
    expect(Object.keys(behindGateway).filter((name) => !scenarios.has(name))).toEqual([])
  },
)

async function askDirectly({ suite, options }: UpstreamRun, start: StartReference): Promise<Findings> {
  const reference = await start()
  try {
    return await runScenarios(suite, options, reference.url)
  } finally {
    await reference.stop()
  }
}

async function askThroughGateway(
  { suite, options }: UpstreamRun,
  start: StartReference,
  server: string,
): Promise<Findings> {
  if (gateway === undefined) throw new Error('the gateway has not started')
  const reference = await start()
  try {
    const token = await register(gateway.url, server, reference.url)
    const shim = await startShim(gateway.url, token)
    try {
      return await runScenarios(suite, options, `${shim.url}/mcp/${server}`)
    } finally {
      await shim.stop()
    }
  } finally {
    await reference.stop()
  }
}
