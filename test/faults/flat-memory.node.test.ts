/**
 * Large results and long streams pass through, and memory stays where it was: nothing is kept that has been passed
 * on, and nothing is read that the agent does not take. Measured by the peak of the runtime's own process.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import type { Era } from '../support/node/mcp-agent.ts'
import type { Form } from '../support/node/misbehaving.ts'
import { forgetPeak, resident, residentMissing } from '../support/node/resident.ts'
import { startUpstreamWorld, type UpstreamAgent, type UpstreamWorld } from '../support/node/upstream-world.ts'

const MB = 1_048_576
/** Of each kind as much that it would be seen if it were kept, even once: more than MOST_MB in all. */
const LARGE = 10 * MB
const IN_A_ROW = 13
const AT_ONCE = 26
const AT_ONCE_BYTES = 5 * MB
/** Results that nobody reads while others pass; each below what a result may have, and above what fits into pipes. */
const UNREAD = 8
const UNREAD_BYTES = 20 * MB
const MEANWHILE = 3
/**
 * What garbage and pipes may add, and the first megabyte of an answer, which is looked at before it is passed on. A
 * proxy that keeps whole results grows by three to five times as much at once and unread.
 */
const MOST_MB = 120

const missing = bareWorkerdMissing ?? residentMissing

describe.skipIf(missing !== null)(`memory is flat ${missing === null ? '' : `: skipped, ${missing}`}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  async function connected(name: string, era: Era): Promise<UpstreamAgent> {
    const unhurried = { response_seconds: 300, idle_seconds: 300, call_seconds: 600 }
    const { connect } = await world.add(`${name}-${era}`, {
      timeouts: unhurried,
      limits: { concurrent: 128 },
    })
    return connect(era, 'one')
  }

  /** By how many MB memory grew at most while `work` ran. */
  async function growth(work: () => Promise<void>): Promise<number> {
    const pid = world.gateway.pid()
    await forgetPeak(pid)
    const before = await resident(pid)
    await work()
    return ((await resident(pid)).peak - before.now) / MB
  }

  const openLarge = (agent: UpstreamAgent, form: Form, bytes: number) =>
    agent.open('tools/call', {
      name: 'echo',
      arguments: { text: 'large', behave: { kind: 'large', bytes, in: form } },
    })

  describe.each<[Era, Form]>([
    ['session', 'json'],
    ['session', 'stream'],
    ['stateless', 'json'],
    ['stateless', 'stream'],
  ])('in the %s era, as %s', (era, form) => {
    let agent: UpstreamAgent
    const pass = async (bytes = LARGE) => {
      expect(await lengthOf(await openLarge(agent, form, bytes))).toBeGreaterThan(bytes)
    }
    beforeAll(async () => {
      agent = await connected(form, era)
      for (let i = 0; i < 3; i++) await pass()
    })

    test(`${IN_A_ROW} results of 10 MB in a row`, async ({ annotate }) => {
      const grown = await growth(async () => {
        for (let i = 0; i < IN_A_ROW; i++) await pass()
      })
      await annotate(`grown by ${grown.toFixed(0)} MB`)
      expect(grown).toBeLessThan(MOST_MB)
    })

    test(`${AT_ONCE} results of 5 MB at once`, async ({ annotate }) => {
      const grown = await growth(async () => {
        await Promise.all(Array.from({ length: AT_ONCE }, () => pass(AT_ONCE_BYTES)))
      })
      await annotate(`grown by ${grown.toFixed(0)} MB`)
      expect(grown).toBeLessThan(MOST_MB)
    })

    test(`${UNREAD} results of 20 MB that nobody reads for a while`, async ({ annotate }) => {
      const grown = await growth(async () => {
        const unread = await Promise.all(
          Array.from({ length: UNREAD }, () => openLarge(agent, form, UNREAD_BYTES)),
        )
        // Time for them to pile up, if anything let them.
        for (let i = 0; i < MEANWHILE; i++) await pass()
        for (const response of unread) expect(await lengthOf(response)).toBeGreaterThan(UNREAD_BYTES)
      })
      await annotate(`grown by ${grown.toFixed(0)} MB`)
      expect(grown).toBeLessThan(MOST_MB)
    })
  })

  // Ten minutes: node bench/gateway/long-stream.ts 10
  test.each<Era>(['session', 'stateless'])('a stream of some seconds, in the %s era', async (era) => {
    const agent = await connected('long', era)
    const count = 20
    const everyMs = 250
    const arrivals: number[] = []
    const grown = await growth(async () => {
      const response = await agent.open(
        'tools/call',
        { name: 'echo', arguments: { text: 'end', behave: { kind: 'events', count, everyMs } } },
        { progressToken: 'p' },
      )
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        const events = decoder.decode(chunk, { stream: true }).split('"notifications/progress"').length - 1
        for (let i = 0; i < events; i++) arrivals.push(performance.now())
      }
    })
    expect(arrivals).toHaveLength(count)
    // Each as it was sent, not all in the end.
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(0.8 * (count - 1) * everyMs)
    expect(grown).toBeLessThan(MOST_MB)
  })
})

async function lengthOf(response: Response): Promise<number> {
  let length = 0
  for await (const chunk of response.body ?? []) length += chunk.byteLength
  return length
}
