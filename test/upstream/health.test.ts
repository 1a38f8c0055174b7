/** What an isolate knows of a server: the breaker, the cap, the eras, and what of it is told. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { UpstreamConfig } from '../../src/contract/upstream.ts'
import { askAnew, enter, enterAside, erasOf, learnEras, MOST_ASIDE } from '../../src/upstream/health.ts'
import { problemOf } from '../../src/upstream/problem.ts'
import { admin } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'
import { linkOf } from '../support/reception.ts'

const START = Date.parse('2030-01-01T00:00:00Z')

let servers = 0
/** Of a server that nothing is known of yet, registered with its tenant. */
async function newLink(config: Partial<UpstreamConfig> = {}) {
  servers += 1
  const url = `https://health-${servers}.example.com/mcp`
  const name = `s${servers}`
  await admin('PUT', `acme/servers/${name}`, { url })
  return linkOf({ name, url, ...config })
}

type Link = Awaited<ReturnType<typeof newLink>>

/** A place that was let in. */
function place(link: Link, isEndless = false) {
  const entry = enter(link, isEndless)
  if (entry.kind !== 'let') throw new Error(entry.kind)
  return entry
}

const status = async ({ config }: Link) => (await admin('GET', `acme/servers/${config.name}/status`)).body
const told = (link: Link) => Promise.all(link.behind)
const broken = problemOf('broken', 'broke off')

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ now: START, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the cap', () => {
  test('bounds what is open; a stream without an end takes no place', async () => {
    const link = await newLink({ maxConcurrent: 2 })
    const [first] = [place(link), place(link), place(link, true)]
    expect(enter(link, false)).toEqual({ kind: 'busy' })
    expect(place(link, true).kind).toBe('let')
    first.leave(null)
    // Leaving twice frees one place.
    first.leave(null)
    expect([enter(link, false).kind, enter(link, false).kind]).toEqual(['let', 'busy'])
  })

  test('forgets a place whose client has gone without a word, once its time is over', async () => {
    const link = await newLink({ maxConcurrent: 1, responseSeconds: 10, callSeconds: 20 })
    place(link)
    vi.setSystemTime(START + 29_999)
    expect(enter(link, false).kind).toBe('busy')
    vi.setSystemTime(START + 30_000)
    expect(enter(link, false).kind).toBe('let')
  })

  test('is not asked by what goes along with an open request, nor is the breaker', async () => {
    const link = await newLink({ maxConcurrent: 1, breakerFailures: 1, breakerSeconds: 30 })
    const first = place(link)
    const along = enterAside(link)
    expect([along.kind, enter(link, false).kind]).toEqual(['let', 'busy'])
    first.leave(broken)
    expect([enter(link, false).kind, enterAside(link).kind]).toEqual(['resting', 'let'])
    vi.setSystemTime(START + 30_000)
    // The one that tries is a request; how such a message ends is no answer to that.
    const probe = place(link)
    if (along.kind === 'let') along.leave(null)
    expect(enter(link, false).kind).toBe('busy')
    probe.leave(broken)
    expect(enter(link, false).kind).toBe('resting')
  })

  test('and those are bounded, too', async () => {
    const link = await newLink({ maxConcurrent: 1, responseSeconds: 10, callSeconds: 20 })
    for (let i = 0; i < MOST_ASIDE; i++) expect(enterAside(link).kind).toBe('let')
    expect([enterAside(link).kind, enter(link, false).kind]).toEqual(['busy', 'let'])
    vi.setSystemTime(START + 30_000)
    expect(enterAside(link).kind).toBe('let')
  })

  test('is of one server', async () => {
    const [one, other] = [await newLink({ maxConcurrent: 1 }), await newLink({ maxConcurrent: 1 })]
    place(one)
    expect([enter(one, false).kind, enter(other, false).kind]).toEqual(['busy', 'let'])
    // One that has moved is another one.
    const moved = { ...one, config: { ...one.config, url: `${one.config.url}/new` } }
    expect(enter(moved, false).kind).toBe('let')
  })
})

describe('the breaker', () => {
  test('is not moved by streams without an end, which are no probe either', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const link = await newLink({ breakerFailures: 2, breakerSeconds: 30 })
    place(link).leave(broken)
    for (let i = 0; i < 5; i++) place(link, true).leave(broken)
    const stream = place(link, true)
    place(link).leave(broken)
    stream.leave(null)
    expect([enter(link, true).kind, enter(link, false).kind]).toEqual(['resting', 'resting'])
    vi.setSystemTime(START + 30_000)
    expect([enter(link, true).kind, enter(link, true).kind]).toEqual(['let', 'let'])
    const probe = place(link)
    expect([enter(link, true).kind, enter(link, false).kind]).toEqual(['resting', 'resting'])
    probe.leave(null)
    expect([enter(link, true).kind, enter(link, false).kind]).toEqual(['let', 'let'])
    await vi.advanceTimersByTimeAsync(2_000)
    await told(link)
  })

  test('opens after failures in a row, lets one try, and says so in the status', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const link = await newLink({ breakerFailures: 2, breakerSeconds: 30 })
    place(link).leave(broken)
    place(link).leave(null)
    for (let i = 0; i < 2; i++) place(link).leave(broken)
    expect(enter(link, false)).toEqual({ kind: 'resting', retryAtMs: START + 30_000 })
    await vi.advanceTimersByTimeAsync(2_000)
    await told(link)
    expect(await status(link)).toMatchObject({
      breaker: 'open',
      failures: 3,
      last_failure: { kind: 'broken', message: 'broke off' },
    })
    vi.setSystemTime(START + 30_000)
    const probe = place(link)
    expect(enter(link, false).kind).toBe('resting')
    probe.leave(null)
    await vi.advanceTimersByTimeAsync(2_000)
    await told(link)
    expect([enter(link, false).kind, (await status(link))?.breaker]).toEqual(['let', 'closed'])
  })

  test.each(['unauthorized', 'rate_limited', 'too_large', 'redirect', 'cancelled', 'busy'] as const)(
    'is not moved by what is no fault of the server: %s',
    async (failure) => {
      const link = await newLink({ breakerFailures: 1 })
      place(link).leave(problemOf(failure, 'x'))
      expect(enter(link, false).kind).toBe('let')
    },
  )

  test.each([
    ['http_error', 400, 'let'],
    ['http_error', 413, 'let'],
    ['not_mcp', 404, 'let'],
    ['broken', 422, 'let'],
    ['http_error', 202, 'let'],
    ['http_error', 500, 'resting'],
    ['not_mcp', 200, 'resting'],
    ['wrong_id', 200, 'resting'],
    ['refused', null, 'resting'],
    ['timeout', null, 'resting'],
  ] as const)('%s with status %s: then the next request is %s', async (failure, status, next) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const link = await newLink({ breakerFailures: 1 })
    place(link).leave(problemOf(failure, 'x', { status }))
    expect(enter(link, false).kind).toBe(next)
  })

  test('a try that nobody waited for gives way to the next', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const link = await newLink({ breakerFailures: 1, breakerSeconds: 30 })
    place(link).leave(broken)
    vi.setSystemTime(START + 30_000)
    place(link).leave(problemOf('cancelled', 'x'))
    expect([enter(link, false).kind, enter(link, false).kind]).toEqual(['let', 'resting'])
  })
})

describe('what is told', () => {
  test('a success at once, and then only now and then', async () => {
    const link = await newLink()
    place(link).leave(null)
    for (let i = 0; i < 5; i++) place(link).leave(null)
    await told(link)
    expect(await status(link)).toMatchObject({ successes: 1, last_success_at: '2030-01-01T00:00:00.000Z' })
    vi.setSystemTime(START + 30_000)
    place(link).leave(null)
    await told(link)
    expect(await status(link)).toMatchObject({ successes: 7 })
  })

  test('failures soon, many at once; what the gateway itself refused is none', async () => {
    const link = await newLink({ breakerFailures: 100 })
    for (let i = 0; i < 5; i++) place(link).leave(broken)
    place(link).leave(problemOf('cancelled', 'x'))
    expect(link.behind).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2_000)
    await told(link)
    expect(await status(link)).toMatchObject({ failures: 5, breaker: 'closed' })
  })

  test('failures that a request had taken on which was stopped before it told them', async () => {
    const link = await newLink({ breakerFailures: 100 })
    place(link).leave(broken)
    expect(link.behind).toHaveLength(1)
    // The timers of a stopped request never ring.
    vi.clearAllTimers()
    vi.setSystemTime(START + 10_000)
    place(link).leave(broken)
    expect(link.behind).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(2_000)
    await link.behind[1]
    expect(await status(link)).toMatchObject({ failures: 2 })
  })
})

describe('eras', () => {
  const auto = { session: null, stateless: null }

  test('that are found out are remembered and told, once', async () => {
    const link = await newLink()
    expect(erasOf(link)).toEqual(auto)
    learnEras(link, { stateless: false })
    learnEras(link, { stateless: false })
    expect(link.behind).toHaveLength(1)
    learnEras(link, { session: true }, { protocolVersion: '2025-11-25' })
    expect(erasOf(link)).toEqual({ session: true, stateless: false })
    await told(link)
    expect(await status(link)).toMatchObject({
      eras: { session: true, stateless: false },
      protocol_version: '2025-11-25',
    })
  })

  test('may turn out to be no longer so', async () => {
    const link = await newLink({ eras: { session: null, stateless: true } })
    learnEras(link, { stateless: null })
    expect(erasOf(link)).toEqual(auto)
    learnEras(link, { stateless: false })
    expect(erasOf(link).stateless).toBe(false)
  })

  test('of a server that speaks neither are asked for again, once in ten seconds', async () => {
    const link = await newLink({ eras: { session: false, stateless: false } })
    askAnew(link)
    expect(erasOf(link)).toEqual(auto)
    learnEras(link, { session: false, stateless: false })
    vi.setSystemTime(START + 9_999)
    askAnew(link)
    expect(erasOf(link)).toEqual({ session: false, stateless: false })
    vi.setSystemTime(START + 10_000)
    askAnew(link)
    expect(erasOf(link)).toEqual(auto)
    learnEras(link, { session: true })
    askAnew(link)
    expect(erasOf(link)).toEqual({ session: true, stateless: null })
  })

  test('a doubt alone is not told: it would change every configuration for nothing', async () => {
    const link = await newLink({ eras: { session: true, stateless: true } })
    learnEras(link, { stateless: null })
    expect(link.behind).toHaveLength(0)
  })

  test('that an administrator sets go before what was found out', async () => {
    const link = await newLink()
    learnEras(link, { session: true, stateless: true })
    const set = { ...link, config: { ...link.config, eras: { session: true, stateless: false } } }
    expect(erasOf(set)).toEqual({ session: true, stateless: false })
    const back = { ...link, config: { ...link.config, eras: auto } }
    expect(erasOf(back)).toEqual(auto)
  })
})
