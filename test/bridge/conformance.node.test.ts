/**
 * The protocol's own conformance suite, of one era, against reference servers of the other, through the gateway: what
 * both eras have must pass. A server that is asked directly in the other era passes nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countPassed, shortcomings } from '../conformance/comparison.ts'
import type { Reference } from '../conformance/reference/reference.ts'
import { startSessionEra } from '../conformance/reference/session-era.ts'
import { startStatelessEra } from '../conformance/reference/stateless-era.ts'
import { register } from '../conformance/registration.ts'
import { startShim } from '../conformance/shim.ts'
import { type Findings, runScenarios } from '../conformance/suite.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'

let gateway: BareGateway | undefined

const skipped = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

/** Scenarios whose tools only servers of the stateless era have. */
const withoutTools = /^(input-required-result-|tasks-)/
const untestable = /^server-stateless: FAILURE [\w-]+: Not testable/

describe.skipIf(bareWorkerdMissing !== null)(`across the eras${skipped}`, () => {
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(() => gateway?.stop())

  test.each([
    ['suite 0.1.16', 'conformance-2025', ['--suite', 'all'], 43],
    [
      'suite 0.2.0-alpha.12, requirements 2025-11-25',
      'conformance-2026',
      ['--requirements', '2025-11-25'],
      80,
    ],
  ] as const)('a server of the stateless era passes %s', async (name, suite, options, passes) => {
    const findings = await ask(`new-${name.length}`, startStatelessEra, suite, options)
    expect(shortcomings(findings), findings.output).toEqual([])
    expect(countPassed(findings)).toBeGreaterThanOrEqual(passes)
  })

  test('a server of the session era passes what of requirements 2026-07-28 it has tools for', async () => {
    const findings = await ask('old', startSessionEra, 'conformance-2026', ['--requirements', '2026-07-28'])
    const unexpected = shortcomings(findings).filter(
      ({ scenario, message }) => !withoutTools.test(scenario) && !untestable.test(message),
    )
    expect(unexpected, findings.output).toEqual([])
    expect(countPassed(findings)).toBeGreaterThanOrEqual(138)
  })
})

async function ask(
  name: string,
  start: () => Promise<Reference>,
  suite: Parameters<typeof runScenarios>[0],
  options: readonly string[],
): Promise<Findings> {
  if (gateway === undefined) throw new Error('the gateway has not started')
  const reference = await start()
  try {
    const shim = await startShim(gateway.url, await register(gateway.url, name, reference.url))
    try {
      return await runScenarios(suite, options, `${shim.url}/mcp/${name}`)
    } finally {
      await shim.stop()
    }
  } finally {
    await reference.stop()
  }
}
