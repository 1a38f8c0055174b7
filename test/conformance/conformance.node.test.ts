/** The protocol's own conformance suite against the native servers at `/mcp`, in both eras: one test a scenario. */
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_TOKEN, type Dev, startDev } from '../support/node/wrangler-dev.ts'
import { type Run, runs } from './scenarios.ts'
import { type Shim, startShim } from './shim.ts'
import { listScenarios, problemsOf, runScenario } from './suite.ts'

let dev: Dev | undefined
let shim: Shim | undefined

beforeAll(async () => {
  dev = await startDev()
  shim = await startShim(dev.url, DEMO_TOKEN)
})

afterAll(async () => {
  await shim?.stop()
  await dev?.stop()
})

function endpoint(): string {
  if (shim === undefined) throw new Error('the shim has not started')
  return `${shim.url}/mcp`
}

describe.each(runs.map((run) => [run.name, run] as const))('%s', (_, run) => {
  test.each(run.scenarios.map((it) => [it.name, it] as const))('%s', async (_, scenario) => {
    const { checks, output } = await runScenario(run, scenario.name, endpoint())
    expect(problemsOf(checks, scenario), output).toEqual([])
  })

  test('knows every scenario of the installed suite', async () => {
    // Extensions belong to no revision; the newest run accounts for them.
    const tags = run.revision === '2026-07-28' ? [run.revision, 'extension'] : [run.revision]
    const applicable = (await listScenarios(run.suite))
      .filter(({ appliesTo }) => tags.some((tag) => appliesTo.includes(tag)))
      .map(({ name }) => name)
    expect(knownTo(run).toSorted()).toEqual(applicable.toSorted())
  })
})

test.each([...new Set(runs.map(({ suite }) => suite))])(
  'every scenario of %s belongs to a run',
  async (suite) => {
    const known = new Set(runs.filter((run) => run.suite === suite).flatMap(knownTo))
    const listed = await listScenarios(suite)
    expect(listed.length).toBeGreaterThan(0)
    expect(listed.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
  },
)

function knownTo({ scenarios, behindGateway, notOffered }: Run): readonly string[] {
  return [...scenarios.map(({ name }) => name), ...Object.keys(behindGateway), ...Object.keys(notOffered)]
}

/** The suite's scenario about DNS rebinding takes any 4xx for a refusal; these say which it was, and of what. */
test.each([
  ['a foreign Origin alone', undefined],
  ['a foreign Origin and Host', 'evil.example.com'],
])('%s is refused as such, although the token is good', async (_, host) => {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    origin: 'http://evil.example.com',
    ...(host === undefined ? {} : { host }),
  }
  expect(await statusOf(endpoint(), headers)).toBe(403)
})

/** The status of an empty POST; `fetch` would not let us say Host and Origin. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, timeout: 10_000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('error', reject)
    sent.end('{}')
  })
}
