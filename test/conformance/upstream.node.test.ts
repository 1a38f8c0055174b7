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
import { type Upstream, type UpstreamRun, upstreamRuns } from './upstream-runs.ts'

const cases = upstreamRuns
  .flatMap((run) => run.upstreams.map((upstream) => ({ run, upstream })))
  .map((it, i) => ({ ...it, server: `reference-${i}` }))

let gateway: BareGateway | undefined

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`through the gateway${skipped}`, () => {
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })

  afterAll(() => gateway?.stop())

  describe.each(cases)('$run.name, $upstream.name', ({ run, upstream, server }) => {
    let direct: Promise<Findings>
    let through: Promise<Findings>

    beforeAll(() => {
      // Side by side, each against a server of its own: scenarios change what their server lists.
      direct = askDirectly(run, upstream)
      through = askThroughGateway(run, upstream, server)
      // Whichever fails, fails in its test.
      direct.catch(() => {})
      through.catch(() => {})
    })

    test('passes what it can when it is asked directly', async () => {
      const findings = await direct
      const unexpected = shortcomings(findings).filter(
        ({ scenario, id }) => run.shortOf[scenario] === undefined && upstream.cannot?.[id] === undefined,
      )
      expect(unexpected, findings.output).toEqual([])
      expect(countPassed(findings)).toBeGreaterThanOrEqual(run.passes)
    })

    test('is run wherever the native servers lack a fixture', async () => {
      const { scenarios } = await direct
      const natively = runs.find((it) => it.suite === run.suite && it.revision === run.revision)
      const lacking = Object.keys(natively?.behindGateway ?? {})
      expect(lacking.length).toBeGreaterThan(0)
      expect(lacking.filter((name) => !scenarios.has(name))).toEqual([])
    })

    test('passes the same through the gateway', async () => {
      const findings = await through
      expect(lost(await direct, findings), findings.output).toEqual([])
    })
  })
})

async function askDirectly({ suite, options }: UpstreamRun, upstream: Upstream): Promise<Findings> {
  const reference = await upstream.start()
  try {
    return await runScenarios(suite, options, reference.url)
  } finally {
    await reference.stop()
  }
}

async function askThroughGateway(
  { suite, options }: UpstreamRun,
  upstream: Upstream,
  server: string,
): Promise<Findings> {
  if (gateway === undefined) throw new Error('the gateway has not started')
  const reference = await upstream.start()
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
