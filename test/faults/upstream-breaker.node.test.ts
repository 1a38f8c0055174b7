/** What keeps a server that is down or busy from holding up anybody: the breaker and the cap on open calls. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { until } from '../support/node/until.ts'
import { entrances, startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

/** An answer that nobody was asked for. */
const AT_ONCE_MS = 500 * PATIENCE
const BOUND_MS = 10_000
const FAILURES = 3
const breaker = { failures: FAILURES, open_seconds: 2 }

describe.skipIf(bareWorkerdMissing !== null)(`a server that is ${bareWorkerdMissing ?? 'unwell'}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  describe.each(eras)('asked by an agent of the %s era', (era) => {
    /** A server whose breaker has just opened; it listens again and would answer. */
    async function broken(name: string) {
      const unwell = await world.add(`${name}-${era}`, { breaker })
      const agent = await unwell.connect(era, 'one')
      expect((await agent.callBad({ text: 'before' })).text).toBe('before')
      await unwell.server.down()
      for (let i = 0; i < FAILURES; i++) {
        expect((await agent.callBad({ text: 'down' })).isError).toBe(true)
      }
      await unwell.server.up()
      return { ...unwell, agent }
    }

    test('after failures in a row it is left alone, and that is said at once', async () => {
      const { agent, name, server } = await broken('left-alone')
      const before = server.requests.length
      const outcome = await agent.callBad({ text: 'open' })
      expect([outcome.isError, outcome.code]).toEqual([true, 'upstream_unavailable'])
      expect(outcome.text).toContain(name)
      expect(outcome.ms).toBeLessThan(AT_ONCE_MS)
      expect(server.requests).toHaveLength(before)
      // The other server is none of its business.
      expect((await (await world.connectGood(era)).call('echo', { text: 'hi' })).text).toBe('hi')
      await until(
        'the status says so',
        async () => (await world.admin.status(name)).breaker === 'open',
        BOUND_MS,
      )
    })

    test('once it is well again, calls get through again', async () => {
      const { agent, server } = await broken('heals')
      await until('it closes', async () => !(await agent.callBad({ text: 'try' })).isError, BOUND_MS)
      expect(server.executions('try')).toBe(1)
      const texts = Array.from({ length: 5 }, (_, i) => `well-${i}`)
      const outcomes = await Promise.all(texts.map((text) => agent.callBad({ text })))
      expect(outcomes.map(({ text }) => text)).toEqual(texts)
    })

    test('one call alone tries whether it is, and when that fails it is left alone again', async () => {
      const { agent, server } = await broken('probed')
      server.behave({ 'tools/call': { kind: 'hang' } })
      const tried = () => server.received('tools/call').length
      const before = tried()
      await until(
        'a call gets through',
        async () => {
          await Promise.all(Array.from({ length: 5 }, () => agent.callBad({ text: 'probe' })))
          return tried() > before
        },
        BOUND_MS,
      )
      expect(tried()).toBe(before + 1)
      const outcome = await agent.callBad({ text: 'open again' })
      expect([outcome.code, server.executions('open again')]).toEqual(['upstream_unavailable', 0])
      expect(outcome.ms).toBeLessThan(AT_ONCE_MS)
    })

    test('errors of tools and of the protocol are no failures of the server', async () => {
      const { connect } = await world.add(`errs-${era}`, { breaker })
      const agent = await connect(era, 'one')
      for (let i = 0; i < FAILURES + 1; i++) {
        await agent.send('tools/call', { name: 'echo', arguments: { behave: { kind: 'rpc_error' } } })
        expect((await agent.call('echo', { fails: true })).isError).toBe(true)
      }
      expect((await agent.callBad({ text: 'still' })).text).toBe('still')
    })

    test('more calls than it may have open are refused at once, and only those', async () => {
      const { connect, server, name } = await world.add(`busy-${era}`, { limits: { concurrent: 2 } })
      const agent = await connect(era, 'one')
      await agent.callBad({ text: 'before' })
      server.behave({ 'tools/call': { kind: 'hang' } })
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, (_, i) => agent.callBad({ text: `busy-${i}` })),
      )
      const codes = outcomes.map(({ code }) => code).toSorted()
      expect(codes).toEqual([...Array(3).fill('upstream_busy'), ...Array(2).fill('upstream_timeout')])
      for (const { code, ms, text } of outcomes) {
        if (code !== 'upstream_busy') continue
        expect(ms).toBeLessThan(AT_ONCE_MS)
        expect(text).toContain(name)
      }
      expect(server.mostAtOnce()).toBe(2)
      server.behave({})
      expect((await agent.callBad({ text: 'after' })).text).toBe('after')
    })

    test('Retry-After of a 429 is told, in words and as a number', async () => {
      const { connect, server, name } = await world.add(`limits-${era}`)
      server.behave({ 'tools/call': { kind: 'rate_limited', retryAfter: '7' } })
      for (const entrance of entrances) {
        const outcome = await (await connect(era, entrance)).callBad({ text: entrance })
        expect([outcome.isError, outcome.code]).toEqual([true, 'upstream_rate_limited'])
        expect(outcome.text).toContain(name)
        expect(outcome.text).toMatch(/\b7 s/)
        expect(outcome.error?.retry_after_seconds).toBe(7)
      }
      expect(server.received('tools/call')).toHaveLength(entrances.length)
    })
  })
})
