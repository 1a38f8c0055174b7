/** One server that cannot be listed, or not sensibly, costs a list its own part, and never more time than a bound. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { type Behaviour, echoTool, manyTools } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

/** Above the time-outs of the servers' documents, far below a hang. */
const BOUND_MS = 5_000
/** Longer than all pages of an endless list may take. */
const ENDLESS_MS = 15_000
const MANY = 5_000

const unlistable: readonly { readonly name: string; readonly behaviour: Behaviour | 'down' }[] = [
  { name: 'down', behaviour: 'down' },
  { name: 'hangs', behaviour: { kind: 'hang' } },
  { name: 'hangs-in-stream', behaviour: { kind: 'hang_in_stream' } },
  { name: 'hangs-in-json', behaviour: { kind: 'hang_in_json' } },
  { name: 'resets', behaviour: { kind: 'reset' } },
  { name: 'resets-in-json', behaviour: { kind: 'reset_in_json' } },
  { name: 'html', behaviour: { kind: 'html', status: 200 } },
  { name: 'html-502', behaviour: { kind: 'html', status: 502 } },
  { name: 'invalid-json', behaviour: { kind: 'invalid_json' } },
  { name: 'wrong-id', behaviour: { kind: 'wrong_id' } },
  { name: 'unauthorized', behaviour: { kind: 'unauthorized' } },
  { name: 'rate-limits', behaviour: { kind: 'rate_limited', retryAfter: '7' } },
  { name: 'redirects', behaviour: { kind: 'redirect', location: 'http://169.254.169.254/' } },
  { name: 'large', behaviour: { kind: 'large', bytes: 104_857_600, in: 'json' } },
]

describe.skipIf(bareWorkerdMissing !== null)(
  `a list with a server that ${bareWorkerdMissing ?? 'fails'}`,
  () => {
    let world: UpstreamWorld
    beforeAll(async () => {
      world = await startUpstreamWorld()
    })
    afterAll(() => world.stop())

    describe.each(eras)('in the %s era', (era) => {
      // From the very first contact: neither its era nor its tools are known.
      test.each(unlistable)('$name: the other server is listed in time', async ({ name, behaviour }) => {
        const { server, connect } = await world.add(`${name}-${era}`)
        if (behaviour === 'down') await server.down()
        else server.behave(() => behaviour)
        const agent = await within('connecting', BOUND_MS, connect(era, 'all'))
        const tools = await within('listing', BOUND_MS, agent.tools())
        expect(tools).toContain('good__echo')
        expect(tools.filter((tool) => tool.startsWith(name))).toEqual([])
        const called = await within('calling', BOUND_MS, agent.call('good__echo', { text: 'hi' }))
        expect(called).toMatchObject({ isError: false, text: 'hi' })
        const status = JSON.stringify(await world.admin.status(`${name}-${era}`))
        expect(status).toMatch(/fail/i)
      })

      test('alone, one that is down answers in time and with words', async () => {
        const { server, connect, name } = await world.add(`alone-${era}`)
        await server.down()
        // In the session era the server itself is introduced to the agent, so that fails already.
        const asked = connect(era, 'one').then(
          async (agent) => (await agent.send('tools/list')).answer?.error?.message,
          (error: unknown) => String(error),
        )
        expect(await within('listing', BOUND_MS, asked)).toContain(name)
      })

      test.each([null, 500])('5,000 tools, %s a page', async (pageSize) => {
        const { server, connect, name } = await world.add(`many-${pageSize ?? 'all'}-${era}`)
        server.list({ tools: manyTools(MANY), pageSize })
        const own = await (await connect(era, 'one')).tools()
        expect([own.length, own[0], own.at(-1)]).toEqual([MANY, 'echo', `tool_${MANY - 1}`])
        const all = await (await connect(era, 'all')).tools()
        expect(all.filter((tool) => tool.startsWith(`${name}__`))).toHaveLength(MANY)
        expect(new Set(all).size).toBe(all.length)
        expect(all).toContain('good__echo')
      })

      test('a cursor that leads nowhere ends', async () => {
        const { server, connect } = await world.add(`loops-${era}`)
        server.list({ tools: manyTools(4), pageSize: 2, loop: true })
        const agent = await connect(era, 'all')
        expect(await within('listing', ENDLESS_MS, agent.tools())).toContain('good__echo')
        expect(server.received('tools/list').length).toBeLessThan(200)
      })

      test('tools that change are listed as they are now, and the status tells the drift', async () => {
        const { connect, name, server } = await world.add(`drifts-${era}`)
        const agent = await connect(era, 'one')
        expect(await agent.tools()).toEqual(['echo'])
        server.list({ tools: [{ ...echoTool, description: 'Says it louder.' }, ...manyTools(2).slice(1)] })
        expect(await agent.tools()).toEqual(['echo', 'tool_0001'])
        await until(
          'the drift is known',
          async () => JSON.stringify((await world.admin.status(name)).drift).includes('Says it louder.'),
          BOUND_MS,
        )
      })

      test.each([
        ['hide', false],
        ['block', true],
      ] as const)('on_drift %s: withheld until accepted', async (onDrift, staysListed) => {
        const { connect, name, server } = await world.add(`${onDrift}s-${era}`, { on_drift: onDrift })
        const agent = await connect(era, 'one')
        await agent.tools()
        server.list({ tools: [{ ...echoTool, description: 'Says it louder.' }] })
        await agent.tools()
        await until(
          'it is withheld',
          async () => (await agent.tools()).includes('echo') === staysListed,
          BOUND_MS,
        )
        const before = server.executions()
        await until(
          'it is not called',
          async () => {
            const { answer } = await agent.send('tools/call', { name: 'echo', arguments: { text: 'x' } })
            return answer?.error !== undefined || answer?.result?.isError === true
          },
          BOUND_MS,
        )
        expect(server.executions()).toBeLessThanOrEqual(before + 1)
        await world.admin.accept(name, 'echo')
        expect(await agent.tools()).toEqual(['echo'])
        expect(await agent.callBad({ text: 'again' })).toMatchObject({ isError: false, text: 'again' })
      })
    })
  },
)
