/**
 * Legiti is unwell: nobody waits for it, it is not hammered, and once it is well again it gets everything once, in
 * each account's own order. What only a person can mend is said to a person.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, type TestContext, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type FakeLegiti, type LegitiRequest, startFakeLegiti } from '../support/node/fake-legiti.ts'
import { listOutbox, readOutbox, replayEvent } from '../support/node/outbox-api.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

/** Below the 15 s that a delivery may hang, for which whoever waited for Legiti would wait, and far above what a call takes. */
const PROMPT_MS = 14_000
const HEALED_WITHIN_MS = 60_000
const SOON_MS = 10_000
/** The first back-off is at least 2.5 s; probes are never closer. */
const PROBE_GAP_MS = 2_000
const HOUR_MS = 3_600_000

const accounts = ['ada', 'bia', 'caio', 'davi'] as const
/** Visits of each account; each is a login and a logout, so two events. */
const VISITS = 2
const EVENTS = accounts.length * VISITS * 2

interface Outage {
  readonly name: string
  readonly begin: (legiti: FakeLegiti) => void | Promise<void>
  readonly lastsMs: number
  /** What the gateway may try in that time, whether or not Legiti can see it. */
  readonly mostAttempts: number
}

const outages: readonly Outage[] = [
  {
    name: 'hangs',
    begin: (legiti) => legiti.behave('hang'),
    // The first attempt alone is given 15 s.
    lastsMs: 16_000,
    mostAttempts: 2,
  },
  {
    name: 'answers 503',
    begin: (legiti) => legiti.behave('fail'),
    lastsMs: 12_000,
    mostAttempts: 4,
  },
  {
    name: 'is down',
    begin: (legiti) => legiti.down(),
    lastsMs: 12_000,
    mostAttempts: 4,
  },
]

describe.skipIf(bareWorkerdMissing !== null)(
  `when Legiti is unwell${bareWorkerdMissing === null ? '' : `: skipped, ${bareWorkerdMissing}`}`,
  { concurrent: true },
  () => {
    for (const { name, begin, lastsMs, mostAttempts } of outages) {
      test(`while it ${name}, calls are answered and it is hardly tried; then it gets all, once and in order`, async (context) => {
        const { gateway, legiti } = await setUp(context)
        await begin(legiti)
        const over = wait(lastsMs)

        for (let visit = 0; visit < VISITS; visit++) {
          for (const account of accounts) expect(await visitAs(account, gateway)).toBeLessThan(PROMPT_MS)
        }
        expect((await readOutbox(gateway.url)).pending).toBe(EVENTS)

        await over
        const pending = await listOutbox(gateway.url, 'pending')
        const attempts = pending.reduce((sum, event) => sum + event.attempts, 0)
        expect(attempts).toBeGreaterThanOrEqual(1)
        expect(attempts).toBeLessThanOrEqual(mostAttempts)
        expect(legiti.requests.length).toBeLessThanOrEqual(mostAttempts)
        expect(legiti.accepted()).toEqual([])
        expect(gapsMs(legiti.requests).filter((gap) => gap < PROBE_GAP_MS)).toEqual([])

        // Slow with one account, so that whoever does not wait for its answer shows.
        legiti.behave((request) => (accountOf(request) === 'ada' ? 'slow' : 'ok'))
        await legiti.up()
        await until(
          'everything is delivered',
          async () => (await readOutbox(gateway.url)).pending === 0,
          HEALED_WITHIN_MS,
        )
        for (const account of accounts) {
          expect([account, actionsOf(account, legiti)]).toEqual([
            account,
            Array.from({ length: VISITS }, () => ['login', 'logout']).flat(),
          ])
        }
        expect(overlaps('ada', legiti)).toEqual([])
        expect(legiti.accepted()).toHaveLength(EVENTS)
        expect(await readOutbox(gateway.url)).toMatchObject({
          pending: 0,
          dead: 0,
          delivered: EVENTS,
          destination: { state: 'open', failures: 0, reason: null },
        })
      })
    }

    test('what was on its way when the runtime was killed is sent again after the restart', async (context) => {
      const { gateway, legiti } = await setUp(context)
      legiti.behave('hang')
      await visitAs('ada', gateway)
      await until('Legiti has the login', () => legiti.requests.length === 1, SOON_MS)

      await gateway.kill9()
      legiti.behave('ok')
      await gateway.start()
      await until('everything is delivered', () => legiti.accepted().length === 2, HEALED_WITHIN_MS)
      // Whether Legiti has taken what it never answered cannot be known: at least once, never zero.
      expect(legiti.requests.map((request) => [actionOf(request), request.status])).toEqual([
        ['login', null],
        ['login', 201],
        ['logout', 201],
      ])
    })

    test('an event that Legiti fails on, and only that one, holds up its own account alone', async (context) => {
      const { gateway, legiti } = await setUp(context)
      legiti.behave((request) => (accountOf(request) === 'ada' ? 'fail' : 'ok'))
      for (const account of accounts) await visitAs(account, gateway)
      await until(
        'all other accounts are delivered',
        async () => (await readOutbox(gateway.url)).delivered === (accounts.length - 1) * 2,
        HEALED_WITHIN_MS,
      )
      expect(accounts.map((account) => actionsOf(account, legiti).length)).toEqual([0, 2, 2, 2])

      legiti.behave('ok')
      await until('hers, too', () => actionsOf('ada', legiti).length === 2, HEALED_WITHIN_MS)
      expect(actionsOf('ada', legiti)).toEqual(['login', 'logout'])
    })

    test('a refused key pauses the destination, and the outbox says so', async (context) => {
      const { gateway, legiti } = await setUp(context)
      legiti.behave('refuse')
      await visitAs('ada', gateway)
      await until(
        'the destination is paused',
        async () => (await readOutbox(gateway.url)).destination.state === 'paused',
        SOON_MS,
      )

      // Nothing more is tried, and still nothing is refused or lost.
      expect(await visitAs('bia', gateway)).toBeLessThan(PROMPT_MS)
      const outbox = await readOutbox(gateway.url)
      expect(outbox).toMatchObject({
        pending: 4,
        dead: 0,
        destination: { state: 'paused', failures: 1, reason: 'http_401' },
      })
      expect(legiti.requests).toHaveLength(1)
      const probeInMs = Date.parse(outbox.destination.retry_at ?? '') - Date.now()
      expect(probeInMs).toBeGreaterThan(0.9 * HOUR_MS)
      expect(probeInMs).toBeLessThanOrEqual(HOUR_MS)
      expect(gateway.output()).toContain('"event":"legiti.paused"')
    })

    test('a rejected event becomes a dead letter, which is listed and can be replayed', async (context) => {
      const { gateway, legiti } = await setUp(context)
      legiti.behave((request) => (actionOf(request) === 'logout' ? 'reject' : 'ok'))
      await visitAs('ada', gateway)
      await until(
        'the logout is a dead letter',
        async () => (await readOutbox(gateway.url)).dead === 1,
        SOON_MS,
      )

      // It holds up nobody: the destination is open, and the next account's login gets through.
      const outbox = await readOutbox(gateway.url)
      expect(outbox).toMatchObject({ pending: 0, dead: 1, delivered: 1, destination: { state: 'open' } })
      const dead = await listOutbox(gateway.url, 'dead')
      expect(dead).toMatchObject([
        {
          id: expect.stringMatching(/^logout:ses_/),
          tool: 'track_logout',
          attempts: 1,
          last_error: 'http_400',
        },
      ])
      // The list is for operators: it never shows whose event it is.
      expect(JSON.stringify(dead)).not.toContain('ada')

      legiti.behave('ok')
      for (const { id } of dead) await replayEvent(gateway.url, id)
      await until('it is delivered', async () => (await readOutbox(gateway.url)).delivered === 2, SOON_MS)
      expect(actionsOf('ada', legiti)).toEqual(['login', 'logout'])
      expect(await listOutbox(gateway.url, 'dead')).toEqual([])
    })
  },
)

async function setUp({ onTestFinished }: TestContext): Promise<{ gateway: BareGateway; legiti: FakeLegiti }> {
  const legiti = await startFakeLegiti()
  onTestFinished(legiti.stop)
  const gateway = await startBare({
    DEMO: 'true',
    LEGITI_BASE_URL: legiti.url,
    LEGITI_API_KEY: 'sbx_test',
  })
  onTestFinished(gateway.stop)
  return { gateway, legiti }
}

/** Logs in, looks around and logs out. Returns how long the slowest of the answers took, in milliseconds. */
async function visitAs(account: string, gateway: BareGateway): Promise<number> {
  const took: number[] = []
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const from = performance.now()
    const result = await work
    took.push(performance.now() - from)
    return result
  }
  const client = await timed(openSession(gateway.url))
  const login = await timed(client.call('auth_login', { provider: 'trusted', account_id: account }))
  const whoami = await timed(client.call('auth_whoami', {}))
  const logout = await timed(client.call('auth_logout', {}))
  client.close()
  expect([login.isError, whoami.isError, logout.isError]).toEqual([false, false, false])
  return Math.max(...took)
}

function actionOf({ body }: LegitiRequest): string {
  return (body as { action: string }).action
}

function accountOf({ body }: LegitiRequest): string {
  return (body as { account_id: string }).account_id
}

/** What Legiti took of an account, in the order in which it came. */
function actionsOf(account: string, legiti: FakeLegiti): string[] {
  const ofAccount = legiti.accepted().filter((request) => accountOf(request) === account)
  return ofAccount.map(actionOf)
}

/** Events of an account that came before the one in front of it was answered. */
function overlaps(account: string, legiti: FakeLegiti): LegitiRequest[] {
  const mine = legiti.accepted().filter((request) => accountOf(request) === account)
  return mine.slice(1).filter((request, i) => request.atMs < (mine[i]?.answeredAtMs ?? 0))
}

function gapsMs(requests: readonly LegitiRequest[]): number[] {
  return requests.slice(1).map((request, i) => request.atMs - (requests[i]?.atMs ?? 0))
}
