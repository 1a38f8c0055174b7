/**
 * The promise of the product: `kill -9` of the runtime straight after a logout was answered, with Legiti down;
 * restart; Legiti comes back: it gets exactly that event, nothing is lost, in 50 of 50 tries.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type FakeLegiti, type LegitiRequest, startFakeLegiti } from '../support/node/fake-legiti.ts'
import { readOutbox } from '../support/node/outbox-api.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

const TRIES = 50
/** Gateways that are killed side by side; each has its own state and its own Legiti. */
const LANES = 5
/** Longer than the longest back-off that so short an outage leads to, shorter than what makes an event late. */
const ARRIVES_WITHIN_MS = 45_000
const WRITTEN_DOWN_WITHIN_MS = 5_000

interface Try {
  readonly account: string
  /** 0: in the very tick in which the answer arrived. */
  readonly killAfterMs: number
  /** Whether a client calls after the restart. Where not, the stored alarm alone must deliver. */
  readonly isTouched: boolean
}

const tries: readonly Try[] = Array.from({ length: TRIES }, (_, i) => ({
  account: `account-${i}`,
  killAfterMs: i % 4 < 2 ? 0 : 1 + ((i * 7) % 20),
  isTouched: i % 2 === 1,
}))

interface Lane {
  readonly gateway: BareGateway
  readonly legiti: FakeLegiti
}

describe.skipIf(bareWorkerdMissing !== null)(
  `kill -9 after an answered logout${bareWorkerdMissing === null ? '' : `: skipped, ${bareWorkerdMissing}`}`,
  () => {
    test(`loses nothing, in ${TRIES} of ${TRIES} tries`, { timeout: 300_000 }, async ({ annotate }) => {
      const lanes = await Promise.all(Array.from({ length: LANES }, openLane))
      const delays = await Promise.all(
        lanes.map(async (lane, n) => {
          const took: { isTouched: boolean; ms: number }[] = []
          for (const it of tries.filter((_, i) => i % LANES === n)) {
            took.push({ isTouched: it.isTouched, ms: await attempt(lane, it) })
          }
          return took
        }),
      )

      const received = lanes.flatMap(({ legiti }) => legiti.requests)
      const counts = tries.map((it) => received.filter((request) => isLogoutOf(it.account, request)).length)
      const worst = (isTouched: boolean) =>
        Math.max(...delays.flat().flatMap((it) => (it.isTouched === isTouched ? [it.ms] : [])))
      await annotate(
        `${counts.filter((n) => n > 0).length} of ${TRIES} delivered, ${counts.filter((n) => n > 1).length} twice; ` +
          `slowest after the restart: ${worst(false)} ms by the alarm alone, ${worst(true)} ms with a client`,
      )
      // Twice is allowed only where the kill fell between Legiti's answer and our commit, and Legiti was down then.
      expect(counts).toEqual(tries.map(() => 1))
      expect(received).toHaveLength(TRIES)
    })
  },
)

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

/** One try. Returns how long after the restart the event arrived, in milliseconds. */
async function attempt({ gateway, legiti }: Lane, { account, killAfterMs, isTouched }: Try): Promise<number> {
  const client = await openSession(gateway.url)
  const login = await client.call('auth_login', { provider: 'trusted', account_id: account })
  expect(login).toMatchObject({ status: 200, isError: false })

  await legiti.down()
  const dead = Promise.withResolvers<void>()
  const kill = () => void gateway.kill9().then(dead.resolve, dead.reject)
  const logout = await client.call('auth_logout', {}, () => {
    if (killAfterMs === 0) kill()
    else void wait(killAfterMs).then(kill)
  })
  expect(logout).toMatchObject({ status: 200, isError: false })
  expect(logout.text).toMatch(/^Logged out successfully/)
  await dead.promise
  client.close()

  await gateway.start()
  await legiti.up()
  const restartedAt = performance.now()
  if (isTouched) (await openSession(gateway.url)).close()
  await until(
    `Legiti gets the logout of ${account}`,
    () => legiti.requests.some((request) => isLogoutOf(account, request)),
    ARRIVES_WITHIN_MS,
  )
  const took = Math.round(performance.now() - restartedAt)
  // The next kill must not fall between this answer of Legiti and the commit that writes it down.
  await until(
    `the delivery to ${account} is written down`,
    async () => (await readOutbox(gateway.url)).pending === 0,
    WRITTEN_DOWN_WITHIN_MS,
  )
  return took
}

/** Exactly what Legiti documents for a logout, and nothing besides. */
function isLogoutOf(account: string, { method, path, headers, body }: LegitiRequest): boolean {
  return (
    method === 'POST' &&
    path === '/auth' &&
    headers.authorization === 'Bearer sbx_test' &&
    JSON.stringify(body) === JSON.stringify({ account_id: account, action: 'logout' })
  )
}
