/**
 * A limit of N lets N through, never N + 1: under 64 connections at once, and across kill -9 and restart. The
 * demo's policy has one: 30 calls of track_logout per calendar minute and grant.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type FakeLegiti, startFakeLegiti } from '../support/node/fake-legiti.ts'
import { readOutbox } from '../support/node/outbox-api.ts'
import { openSession, type SessionClient } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

const LIMIT = 30
const CONNECTIONS = 64
const CALLS_EACH = 4
const MINUTE_MS = 60_000
/** What a run may need of its minute. */
const ROOM_MS = 20_000
const DELIVERED_WITHIN_MS = 45_000
/** One refusal by a broken connection for each crash, one success or more, one refusal by the limit. */
const MOST_CALLS = LIMIT + 10

interface Crash {
  /** The runtime is killed in the tick in which this many calls have been answered. */
  readonly killAtAnswer: number
  /** Milliseconds between the first calls of two neighbouring connections: 0 shares commits, 3 spreads them. */
  readonly staggerMs: number
}

const crashes: readonly Crash[] = [
  { killAtAnswer: 1, staggerMs: 0 },
  { killAtAnswer: 15, staggerMs: 0 },
  { killAtAnswer: 30, staggerMs: 0 },
  { killAtAnswer: 1, staggerMs: 3 },
  { killAtAnswer: 15, staggerMs: 3 },
  { killAtAnswer: 29, staggerMs: 3 },
]

describe.skipIf(bareWorkerdMissing !== null)(
  `a limit of ${LIMIT} per minute${bareWorkerdMissing === null ? '' : `: skipped, ${bareWorkerdMissing}`}`,
  () => {
    test(`lets exactly ${LIMIT} through, however many connections ask at once`, async () => {
      const { legiti, gateway, clients } = await setUp()
      const minute = await minuteWithRoom()
      const answers = await Promise.all(
        clients.map(async (client, n) => {
          const mine: Outcome[] = []
          for (let i = 0; i < CALLS_EACH; i++) mine.push(await track(client, `account-${n}-${i}`))
          return mine
        }),
      )
      expect(minuteNow()).toBe(minute)

      const passed = answers.flat().filter(({ kind }) => kind === 'passed')
      const limited = answers.flat().filter(({ kind }) => kind === 'limited')
      expect([passed.length, limited.length]).toEqual([LIMIT, CONNECTIONS * CALLS_EACH - LIMIT])

      await allDelivered(gateway)
      expect(accountsAt(legiti).sort()).toEqual(passed.map(({ account }) => account).sort())
    })

    for (const { killAtAnswer, staggerMs } of crashes) {
      test(`lets never more than ${LIMIT} through when killed at answer ${killAtAnswer}, calls ${staggerMs} ms apart`, async ({
        annotate,
      }) => {
        const { legiti, gateway, clients } = await setUp()
        const minute = await minuteWithRoom()

        let answers = 0
        let restarted: Promise<void> | null = null
        const countAnswer = () => {
          answers += 1
          if (answers === killAtAnswer) restarted = gateway.kill9().then(gateway.start)
        }
        const passed: string[] = []
        /** What arrived and was no result, as where a busy machine could not ask the principal in time. */
        const odd: string[] = []
        const persist = async (client: SessionClient, n: number) => {
          await wait(n * staggerMs)
          for (let i = 0; i < MOST_CALLS; i++) {
            const outcome = await track(client, `account-${n}-${i}`, countAnswer)
            if (outcome.kind === 'limited') return
            if (outcome.kind === 'odd') odd.push(outcome.answer)
            if (outcome.kind === 'passed') passed.push(outcome.account)
            else await restarted
          }
          throw new Error('the limit was never reached')
        }
        await Promise.all(clients.map(persist))
        expect(minuteNow()).toBe(minute)
        expect(restarted).not.toBeNull()

        // What was charged and not answered when the runtime died stays charged: never one too many.
        expect(passed.length).toBeLessThanOrEqual(LIMIT)
        if (odd.length > 0) await annotate(`answered with no result: ${odd.join(', ')}`)
        expect(passed.length + odd.length).toBeGreaterThanOrEqual(killAtAnswer)

        // A charge and its event are one transaction: as many events as the limit lets through, all that was
        // acknowledged among them. One that Legiti took just when the runtime died may come twice.
        await allDelivered(gateway)
        const received = accountsAt(legiti)
        const distinct = new Set(received)
        expect(distinct.size).toBe(LIMIT)
        expect(passed.filter((account) => !distinct.has(account))).toEqual([])
        await annotate(`${passed.length} acknowledged, ${received.length - distinct.size} events sent twice`)
      })
    }
  },
)

type Outcome =
  | { readonly kind: 'passed' | 'limited' | 'broken'; readonly account: string }
  /** An answer that is no result: `answer` says which. */
  | { readonly kind: 'odd'; readonly account: string; readonly answer: string }

/** One call under the limit, for an account of its own, so that its event can be told from every other. */
async function track(client: SessionClient, account: string, onAnswer = () => {}): Promise<Outcome> {
  let hasArrived = false
  const arrived = () => {
    hasArrived = true
    onAnswer()
  }
  const answer = await client
    .call('track_logout', { account_id: account }, arrived)
    .catch((error: unknown) => {
      if (hasArrived) return error instanceof Error ? error.message : String(error)
      return null
    })
  if (answer === null) return { kind: 'broken', account }
  if (typeof answer === 'string') return { kind: 'odd', account, answer }
  if (!answer.isError) return { kind: 'passed', account }
  expect(answer.structured).toMatchObject({ error: { code: 'rate_limited', limit: LIMIT, window: 'minute' } })
  return { kind: 'limited', account }
}

async function setUp(): Promise<{ legiti: FakeLegiti; gateway: BareGateway; clients: SessionClient[] }> {
  const legiti = await startFakeLegiti()
  onTestFinished(legiti.stop)
  const gateway = await startBare({
    DEMO: 'true',
    LEGITI_BASE_URL: legiti.url,
    LEGITI_API_KEY: 'sbx_test',
  })
  onTestFinished(gateway.stop)
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway.url)))
  onTestFinished(() => {
    for (const client of clients) client.close()
  })
  return { legiti, gateway, clients }
}

async function allDelivered(gateway: BareGateway): Promise<void> {
  await until(
    'every event is delivered',
    async () => (await readOutbox(gateway.url)).pending === 0,
    DELIVERED_WITHIN_MS,
  )
}

function accountsAt(legiti: FakeLegiti): string[] {
  return legiti.accepted().map(({ body }) => (body as { account_id: string }).account_id)
}

function minuteNow(): number {
  return Math.floor(Date.now() / MINUTE_MS)
}

/** The current minute when there is room left in it, else the next one, once it has begun. */
async function minuteWithRoom(): Promise<number> {
  const left = MINUTE_MS - (Date.now() % MINUTE_MS)
  if (left < ROOM_MS) await wait(left + 50)
  return minuteNow()
}
