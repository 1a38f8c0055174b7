/**
 * `kill -9` of the runtime while somebody logs in on a connection where another is logged in already: at moments after the request
 * was sent, and in the tick in which it was answered. The connection is there after the restart and has one login, the old one or
 * the new one; what ended is told to Legiti once, and what did not is not.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type FakeLegiti, startFakeLegiti } from '../support/node/fake-legiti.ts'
import { readOutbox } from '../support/node/outbox-api.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

/** When to pull the plug, in milliseconds after the request was sent; null: in the tick in which it was answered. */
const moments: readonly (number | null)[] = [null, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 13, 16, 20, null]
const LANES = 3
/** Longer than the longest back-off that so short an outage leads to. */
const ARRIVES_WITHIN_MS = 45_000

interface Lane {
  readonly gateway: BareGateway
  readonly legiti: FakeLegiti
}

describe.skipIf(bareWorkerdMissing !== null)(`kill -9 around a login ${bareWorkerdMissing ?? ''}`, () => {
  test(`leaves one login on its connection, in ${moments.length} tries`, { timeout: 300_000 }, async () => {
    const lanes = await Promise.all(Array.from({ length: LANES }, openLane))
    const unanswered = await Promise.all(
      lanes.map(async (lane, n) => {
        let count = 0
        for (const [i, moment] of moments.entries())
          if (i % LANES === n && !(await attempt(lane, `try${i}`, moment))) count += 1
        return count
      }),
    )
    expect(unanswered.reduce((sum, count) => sum + count)).toBeGreaterThan(0)
    for (const { legiti } of lanes) {
      const told = legiti.requests.map(({ body }) => accountOf(body))
      expect(new Set(told).size).toBe(told.length)
    }
  })
})

async function openLane(): Promise<Lane> {
  const legiti = await startFakeLegiti()
  onTestFinished(legiti.stop)
  const gateway = await startBare({
    DEMO: 'true',
    LEGITI_BASE_URL: legiti.url,
    LEGITI_API_KEY: 'sbx_test',
    // So that only logouts count.
    LEGITI_REPORT_LOGINS: 'false',
  })
  onTestFinished(gateway.stop)
  return { gateway, legiti }
}

/** One try. Returns whether the login was answered. */
async function attempt(
  { gateway, legiti }: Lane,
  name: string,
  killAfterMs: number | null,
): Promise<boolean> {
  const [before, after] = [`${name}-before`, `${name}-after`]
  const client = await openSession(gateway.url)
  const login = (account: string, onAnswer?: () => void) =>
    client.call('auth_login', { provider: 'trusted', account_id: account }, onAnswer)
  expect(await login(before)).toMatchObject({ status: 200, isError: false })

  await legiti.down()
  const dead = Promise.withResolvers<void>()
  const kill = () => void gateway.kill9().then(dead.resolve, dead.reject)
  const sent = login(after, killAfterMs === null ? kill : undefined).catch(() => null)
  if (killAfterMs !== null) void wait(killAfterMs).then(kill)
  const answered = await sent
  await dead.promise
  if (answered !== null) expect(answered).toMatchObject({ status: 200, isError: false })

  await gateway.start()
  const { account } = (await client.call('auth_whoami', {})).structured
  expect(answered === null ? [before, after] : [after]).toContain(account)
  expect((await liveAccounts(gateway)).filter((it) => it.startsWith(`${name}-`))).toEqual([account])

  await legiti.up()
  expect(await client.call('auth_logout', {})).toMatchObject({ status: 200, isError: false })
  expect((await client.call('auth_whoami', {})).structured).toMatchObject({ account: null })
  client.close()
  const ended = account === after ? [before, after] : [before]
  const told = () =>
    legiti.requests.map(({ body }) => accountOf(body)).filter((it) => it.startsWith(`${name}-`))
  await until(
    `Legiti gets the logouts of ${ended.join(' and ')}`,
    () => told().length >= ended.length,
    ARRIVES_WITHIN_MS,
  )
  // The next kill must not fall between an answer of Legiti's and the commit that writes it down.
  await until(
    'they are written down',
    async () => (await readOutbox(gateway.url)).pending === 0,
    ARRIVES_WITHIN_MS,
  )
  expect(told().toSorted()).toEqual(ended.toSorted())
  expect(await liveAccounts(gateway)).toEqual([])
  return answered !== null
}

/** Accounts of all live sessions of the demo's grant. */
async function liveAccounts({ url }: BareGateway): Promise<string[]> {
  const response = await fetch(`${url}/api/v1/tenants/demo/grants/agent/sessions`, {
    headers: { authorization: `Bearer ${ROOT_TOKEN}` },
  })
  const { items } = (await response.json()) as { items: { account: string }[] }
  return items.map(({ account }) => account)
}

function accountOf(body: unknown): string {
  return String((body as { account_id?: unknown }).account_id)
}
