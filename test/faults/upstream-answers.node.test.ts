/**
 * A server fails in the middle of a call. The agent is told so in words and in time, whatever its era and wherever
 * it is connected; nothing is done twice; and meanwhile the other server answers as if nothing were.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { type Era, eras, type ToolOutcome } from '../support/node/mcp-agent.ts'
import type { Behaviour } from '../support/node/misbehaving.ts'
import { executes } from '../support/node/misbehaviour.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { until } from '../support/node/until.ts'
import {
  type Entrance,
  entrances,
  startUpstreamWorld,
  type UpstreamWorld,
} from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

/** Above the longest time-out of the servers' documents, far below what anybody would call a hang. */
const BOUND_MS = 5_000
/** A call that waits for the other server's time-out, of a second, cannot be so fast. */
const PROMPT_MS = 1_000 * PATIENCE
const HUNDRED_MB = 104_857_600

interface Fault {
  /** As a server's name. */
  readonly name: string
  readonly behaviour: Behaviour | 'down'
  /** Codes that describe it. */
  readonly codes: readonly string[]
  /** What else the text must say. */
  readonly says?: RegExp
}

const faults: readonly Fault[] = [
  // workerd says the same of a connection that was refused and of one that broke.
  { name: 'refuses', behaviour: 'down', codes: ['upstream_unavailable', 'upstream_broken'] },
  { name: 'hangs', behaviour: { kind: 'hang' }, codes: ['upstream_timeout'] },
  { name: 'hangs-in-stream', behaviour: { kind: 'hang_in_stream' }, codes: ['upstream_timeout'] },
  { name: 'hangs-in-json', behaviour: { kind: 'hang_in_json' }, codes: ['upstream_timeout'] },
  { name: 'resets', behaviour: { kind: 'reset' }, codes: ['upstream_broken', 'upstream_unavailable'] },
  { name: 'resets-in-stream', behaviour: { kind: 'reset_in_stream' }, codes: ['upstream_broken'] },
  { name: 'resets-in-json', behaviour: { kind: 'reset_in_json' }, codes: ['upstream_broken'] },
  { name: 'stream-without-answer', behaviour: { kind: 'stream_without_answer' }, codes: ['upstream_broken'] },
  { name: 'empty', behaviour: { kind: 'empty' }, codes: ['upstream_broken'] },
  { name: 'html', behaviour: { kind: 'html', status: 200 }, codes: ['upstream_broken'] },
  {
    name: 'html-502',
    behaviour: { kind: 'html', status: 502 },
    codes: ['upstream_unavailable', 'upstream_broken'],
    says: /502/,
  },
  { name: 'invalid-json', behaviour: { kind: 'invalid_json' }, codes: ['upstream_broken'] },
  { name: 'wrong-id', behaviour: { kind: 'wrong_id' }, codes: ['upstream_broken'] },
  {
    name: 'large',
    behaviour: { kind: 'large', bytes: HUNDRED_MB, in: 'json', declared: true },
    codes: ['upstream_too_large'],
  },
  {
    name: 'drips',
    // Each pause is short, but all of it is longer than a call may take.
    behaviour: { kind: 'drip', pieces: 40, everyMs: 200 },
    codes: ['upstream_timeout'],
  },
  {
    name: 'endless-events',
    behaviour: { kind: 'events', count: 40, everyMs: 200 },
    codes: ['upstream_timeout'],
  },
  {
    name: 'rate-limits',
    behaviour: { kind: 'rate_limited', retryAfter: '7' },
    codes: ['upstream_rate_limited'],
    says: /\b7 s/,
  },
  {
    name: 'rate-limits-only',
    behaviour: { kind: 'rate_limited', retryAfter: null },
    codes: ['upstream_rate_limited'],
  },
  {
    name: 'unauthorized',
    behaviour: { kind: 'unauthorized' },
    codes: ['upstream_refused'],
    says: /credential|401/i,
  },
  {
    name: 'redirects-to-metadata',
    behaviour: { kind: 'redirect', location: 'http://169.254.169.254/latest/meta-data/' },
    codes: ['upstream_refused', 'upstream_broken'],
    says: /redirect/i,
  },
]

describe.skipIf(bareWorkerdMissing !== null)(
  `a call to a server that ${bareWorkerdMissing ?? 'fails'}`,
  () => {
    let world: UpstreamWorld
    beforeAll(async () => {
      world = await startUpstreamWorld()
    })
    afterAll(() => world.stop())

    /** One call from each kind of agent, at the same time, while another grant calls `good`. */
    async function callFromEverywhere(fault: Fault): Promise<readonly (readonly [string, ToolOutcome])[]> {
      const { name, behaviour } = fault
      const { server, connect } = await world.add(name)
      const ways = eras.flatMap((era) => entrances.map((entrance) => [era, entrance] as const))
      const agents = await Promise.all(ways.map(([era, entrance]) => connect(era, entrance)))
      if (behaviour === 'down') await server.down()
      else server.behave({ 'tools/call': behaviour })
      const text = ([era, entrance]: readonly [Era, Entrance]) => `${name}/${era}/${entrance}`

      const calls = agents.map(async (agent, i) => {
        const way = ways[i] ?? (['session', 'all'] as const)
        const outcome = await within(text(way), BOUND_MS, agent.callBad({ text: text(way) }))
        return [text(way), outcome] as const
      })
      const goods = eras.map(async (era) => {
        const agent = await world.connectGood(era)
        return agent.call('echo', { text: 'meanwhile' })
      })
      const [done, meanwhile] = await Promise.all([Promise.all(calls), Promise.all(goods)])
      for (const outcome of meanwhile) {
        expect(outcome).toMatchObject({ isError: false, text: 'meanwhile' })
        expect(outcome.ms).toBeLessThan(PROMPT_MS)
      }
      const once = behaviour !== 'down' && executes(behaviour) ? 1 : 0
      expect(ways.map((way) => server.executions(text(way)))).toEqual(ways.map(() => once))
      return done
    }

    test.each(faults)('$name', async (fault) => {
      for (const [way, outcome] of await callFromEverywhere(fault)) {
        expect([way, outcome.status, outcome.isError]).toEqual([way, 200, true])
        expect(fault.codes, `${way}: ${outcome.text}`).toContain(outcome.code)
        expect(outcome.text, way).toContain(fault.name)
        if (fault.says !== undefined) expect(outcome.text, way).toMatch(fault.says)
        // Its challenge is for us, and answering it would be none of the agent's business.
        expect(outcome.headers.has('www-authenticate')).toBe(false)
      }
    })

    test('a redirect to another port is not followed', async () => {
      const other = await world.add('elsewhere')
      const before = other.server.requests.length
      await callFromEverywhere({
        name: 'redirects',
        behaviour: { kind: 'redirect', location: other.server.url },
        codes: [],
      })
      expect(other.server.requests).toHaveLength(before)
    })

    test.each(eras)('an error of the protocol stays one, in the %s era', async (era) => {
      const { server, connect } = await world.add(`rpc-error-${era}`)
      server.behave({ 'tools/call': { kind: 'rpc_error' } })
      for (const entrance of entrances) {
        const agent = await connect(era, entrance)
        const tool = entrance === 'all' ? `rpc-error-${era}__echo` : 'echo'
        const { answer } = await agent.send('tools/call', { name: tool, arguments: {} })
        expect(answer?.error).toEqual({ code: -32603, message: 'told to fail' })
      }
    })

    test.each(eras)('100 MB without a declared length are cut off, in the %s era', async (era) => {
      const name = `endless-${era}`
      // Reached well before the longest that a call may take, also where the machine is busy.
      const { server, connect } = await world.add(name, { limits: { response_bytes: 8 * 1_048_576 } })
      for (const form of ['json', 'stream'] as const) {
        server.behave({ 'tools/call': { kind: 'large', bytes: HUNDRED_MB, in: form } })
        const agent = await connect(era, 'one')
        // What has been passed on cannot be taken back: then the connection breaks, and nothing looks complete.
        const outcome = await within(
          form,
          BOUND_MS,
          agent.callBad({ text: form }).catch((error: unknown) => {
            if (error instanceof SyntaxError) throw error
            return 'cut off' as const
          }),
        )
        if (outcome !== 'cut off') expect(outcome.code).toBe('upstream_too_large')
        await until(
          'the server is rid of it',
          () => server.received('tools/call').every(({ gaveUp }) => gaveUp),
          BOUND_MS,
        )
        expect(server.executions(form)).toBe(1)
      }
    })

    test('while large answers pass, others are answered meanwhile, not afterwards', async () => {
      const { server, connect } = await world.add('passes-much')
      server.behave({ 'tools/call': { kind: 'large', bytes: HUNDRED_MB, in: 'json' } })
      const agents = await Promise.all([0, 1, 2].map(() => connect('session', 'one')))
      const good = await world.connectGood('session')
      let passing = agents.length
      const passed = agents.map(async (agent, i) => {
        const { body } = await agent.open('tools/call', { name: 'echo', arguments: { text: `${i}` } })
        for await (const _ of body ?? []) if (passing === 0) return
        passing -= 1
      })
      let meanwhile = 0
      while (passing === agents.length) {
        expect(await good.call('echo', { text: 'meanwhile' })).toMatchObject({ text: 'meanwhile' })
        meanwhile += 1
      }
      await Promise.all(passed)
      // Without turns there are two at most: one that waits for the end, and the one after it.
      expect(meanwhile).toBeGreaterThan(4)
    })

    test.each(eras)('odd but proper answers pass, in the %s era', async (era) => {
      const { connect } = await world.add(`odd-${era}`)
      const odd: readonly Behaviour[] = [
        { kind: 'stream' },
        { kind: 'gzip' },
        { kind: 'drip', pieces: 5, everyMs: 20 },
        // Longer than the server may take for its headers, shorter than it may be silent.
        { kind: 'events', count: 4, everyMs: 400 },
      ]
      for (const entrance of entrances) {
        const agent = await connect(era, entrance)
        for (const behave of odd) {
          const outcome = await agent.callBad({ text: behave.kind, behave })
          expect([behave.kind, outcome.isError, outcome.text]).toEqual([behave.kind, false, behave.kind])
        }
      }
    })

    test('an agent of the stateless era that goes away takes its call with it', async () => {
      const { server, name, token } = await world.add('abandoned', { timeouts: { response_seconds: 60 } })
      server.behave({ 'tools/call': { kind: 'hang' } })
      const sent = await sendRaw(`${world.gateway.url}/mcp/${name}`, token, 'gone')
      await until('the server has it', () => server.executions('gone') === 1, BOUND_MS)
      // workerd notices a connection that is reset; of one that was only closed it learns when it writes to it.
      sent.resetAndDestroy()
      await until(
        'the server is told',
        () => server.received('tools/call').some(({ gaveUp }) => gaveUp),
        BOUND_MS,
      )
    })
  },
)

/** Sends a call of `echo` in the stateless era over a socket of its own, and does not wait for the answer. */
async function sendRaw(url: string, token: string, text: string): Promise<Socket> {
  const { hostname, port, pathname, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name: 'echo', arguments: { text }, _meta: meta }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const lines = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    'mcp-protocol-version: 2026-07-28',
    'mcp-method: tools/call',
    'mcp-name: echo',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return socket
}
