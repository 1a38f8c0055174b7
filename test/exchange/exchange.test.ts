/** The object in which a call waits for its client: how long, for whom, and what is left of it. */

import { reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import type { Answer, Ask, Begin, Continue } from '../../src/contract/exchange.ts'
import type { UpstreamConfig } from '../../src/contract/upstream.ts'
import { readRequestState } from '../../src/eras/names.ts'
import { PATIENT } from '../support/patient.ts'

const MINUTE = 60_000
const BEGUN_BY = '0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d'
let place = 0

beforeEach(async () => {
  await reset()
  place += 1
})
afterEach(() => vi.useRealTimers())

const url = () => `${inject('otherSide')}/asking/exchange-${place}/mcp`
const config = (): UpstreamConfig => ({
  name: 'crm',
  url: url(),
  headers: {},
  responseSeconds: 30,
  idleSeconds: 120,
  callSeconds: 900,
  maxResponseBytes: 100_000,
  maxConcurrent: 10,
  breakerFailures: 5,
  breakerSeconds: 30,
  eras: { session: true, stateless: false },
  withheld: {},
  renamed: {},
  seen: [],
  catalogue: null,
})
const request = (id: number, more = {}) => ({
  jsonrpc: '2.0' as const,
  id,
  method: 'tools/call',
  params: { name: 'greet', arguments: {}, ...more },
})
const begin = (more: Partial<Begin> = {}): Begin => ({
  tenant: 'acme',
  config: config(),
  owner: 'acme/bot',
  begunBy: BEGUN_BY,
  session: { id: null, protocolVersion: '2025-11-25' },
  request: request(1),
  capabilities: { elicitation: {} },
  trace: [],
  ...more,
})
const object = () => env.EXCHANGE.get(env.EXCHANGE.newUniqueId())
type ExchangeStub = ReturnType<typeof object>
const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
const say = async (stub: ExchangeStub, path: string, body: object) =>
  lines(
    await (await stub.fetch(`http://exchange${path}`, { method: 'POST', body: JSON.stringify(body) })).text(),
  )
/** Asks for input, and what the state of that says. */
async function waiting(stub: ExchangeStub, more: Partial<Begin> = {}) {
  const [asked] = await say(stub, '/begin', begin(more))
  expect(asked).toMatchObject({
    kind: 'answer',
    message: { id: 1, result: { resultType: 'input_required' } },
  })
  const named = readRequestState(asked.message.result.requestState)
  expect(named).toMatchObject({ object: stub.id.toString(), begunBy: BEGUN_BY })
  return { secret: named?.secret ?? '', asked: asked.message.result }
}
const goOn = (secret: string, more: Partial<Continue> = {}): Continue => ({
  owner: 'acme/bot',
  server: 'crm',
  secret,
  begunBy: BEGUN_BY,
  request: request(2, { inputResponses: { question1: { action: 'accept', content: { name: 'Ana' } } } }),
  ...more,
})
const heard = async () =>
  (await (await fetch(url())).json()) as { messages: Record<string, unknown>[]; isGone: boolean }

/** Within the object, whose timers they are. */
const pass = (stub: ExchangeStub, ms: number) =>
  runInDurableObject(stub, async () => void (await vi.advanceTimersByTimeAsync(ms)))

describe('a call that waits', () => {
  test('goes on with what the client answers', async () => {
    const stub = object()
    const { secret } = await waiting(stub)
    expect(await say(stub, '/continue', goOn(secret))).toEqual([
      {
        kind: 'answer',
        status: 200,
        message: {
          jsonrpc: '2.0',
          id: 2,
          result: { content: [{ type: 'text', text: 'Hello, Ana!' }], resultType: 'complete' },
        },
      },
    ])
  })

  test('is kept awake by an alarm, and leaves nothing behind', async () => {
    const stub = object()
    const { secret } = await waiting(stub)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    await say(stub, '/continue', goOn(secret))
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(await runDurableObjectAlarm(stub)).toBe(false)
    expect(await runInDurableObject(stub, async (_, ctx) => (await ctx.storage.list()).size)).toBe(0)
  })

  test('without a question stores nothing at all', async () => {
    const stub = object()
    const [declined] = await say(
      stub,
      '/begin',
      begin({ capabilities: {}, config: { ...config(), idleSeconds: 0.2 } }),
    )
    expect(declined).toMatchObject({ kind: 'problem', problem: { failure: 'timeout' } })
    const { messages } = await heard()
    expect(messages[1]).toMatchObject({ id: 'e1', error: { code: -32601 } })
    expect(await runDurableObjectAlarm(stub)).toBe(false)
  })

  test('ends after five minutes, at the server, too', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const stub = object()
    const { secret } = await waiting(stub)
    await pass(stub, 5 * MINUTE - 1_000)
    expect((await heard()).messages).toHaveLength(1)
    await pass(stub, 1_000)
    await vi.waitFor(async () => expect((await heard()).messages).toHaveLength(3), PATIENT)
    const { messages } = await heard()
    expect(messages).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'e1', error: expect.objectContaining({ code: -32603 }) }),
        expect.objectContaining({
          method: 'notifications/cancelled',
          params: expect.objectContaining({ requestId: messages[0]?.id }),
        }),
      ]),
    )
    expect(await say(stub, '/continue', goOn(secret))).toEqual([{ kind: 'refused', why: 'unknown' }])
  })

  test('a client that takes its time is no slow server', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const stub = object()
    const { secret } = await waiting(stub, { config: { ...config(), callSeconds: 60, idleSeconds: 30 } })
    await pass(stub, 4 * MINUTE)
    const [answer] = await say(stub, '/continue', goOn(secret))
    expect(answer).toMatchObject({ kind: 'answer', message: { result: { resultType: 'complete' } } })
  })

  test('is lost with its object, and says so', async () => {
    const stub = object()
    const { secret } = await waiting(stub)
    // As a deployment would, in the middle of everything.
    await runInDurableObject(stub, (_, ctx) => ctx.abort('gone')).catch(() => {})
    expect(await say(env.EXCHANGE.get(stub.id), '/continue', goOn(secret))).toEqual([
      { kind: 'refused', why: 'unknown' },
    ])
  })

  test.each<[string, Partial<Begin>, Partial<Continue>, boolean]>([
    ['of the same login', { login: 'ses_a' }, { login: 'ses_a' }, true],
    ['of nobody, then as now', { login: null }, { login: null }, true],
    ['of another login', { login: 'ses_a' }, { login: 'ses_b' }, false],
    ['of a login that has ended', { login: 'ses_a' }, { login: null }, false],
    ['of a login that nobody had then', { login: null }, { login: 'ses_a' }, false],
    ['begun by an older version', {}, { login: 'ses_a' }, true],
    ['gone on with by an older version', { login: 'ses_a' }, {}, true],
  ])('%s', async (_, begun, more, isOurs) => {
    const stub = object()
    const { secret } = await waiting(stub, begun)
    const [said] = await say(stub, '/continue', goOn(secret, more))
    expect(said).toMatchObject(isOurs ? { kind: 'answer' } : { kind: 'refused', why: 'unknown' })
    // A stranger's attempt does not use it up.
    if (!isOurs)
      expect((await say(stub, '/continue', goOn(secret, begun)))[0]).toMatchObject({ kind: 'answer' })
  })

  test.each([
    ['another owner', { owner: 'acme/other' }, 'unknown'],
    ['another tenant', { owner: 'other/bot' }, 'unknown'],
    ['what was said of another call', { begunBy: '11111111-2222-4333-8444-555555555555' }, 'unknown'],
    ['another secret', { secret: 'A'.repeat(32) }, 'unknown'],
    ['another server', { server: 'other' }, 'changed'],
    ['other arguments', { request: request(2, { arguments: { more: 1 } }) }, 'changed'],
  ])('refuses %s, and waits on', async (_, more, why) => {
    const stub = object()
    const { secret } = await waiting(stub)
    expect(await say(stub, '/continue', goOn(secret, more))).toEqual([{ kind: 'refused', why }])
    expect((await say(stub, '/continue', goOn(secret)))[0]).toMatchObject({ kind: 'answer' })
  })

  test('whose server gives up meanwhile is answered by what that said', async () => {
    const stub = object()
    const { secret } = await waiting(stub)
    await fetch(`${url()}?give-up`)
    expect(await say(stub, '/continue', goOn(secret))).toEqual([
      {
        kind: 'answer',
        status: 200,
        message: { jsonrpc: '2.0', id: 2, result: { content: [], isError: true, resultType: 'complete' } },
      },
    ])
  })

  test('asks several things at once', async () => {
    const stub = object()
    const { asked } = await waiting(stub, { request: request(1, { arguments: { times: 3 } }) })
    expect(Object.keys(asked.inputRequests)).toEqual(['question1', 'question2', 'question3'])
  })
})

describe('answers of a client', () => {
  const ask: Ask = { owner: 'acme/bot', transport: 't', count: 2 }
  async function asking(stub: ExchangeStub) {
    const response = await stub.fetch('http://exchange/ask', { method: 'POST', body: JSON.stringify(ask) })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const [ready] = lines((await reader?.read())?.value ?? '')
    const rest = async () => {
      let text = ''
      for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read())
        text += read.value
      return lines(text)
    }
    return { secret: ready.secret as string, rest }
  }
  const answer = (secret: string, index: number, more: Partial<Answer> = {}): Answer => ({
    owner: 'acme/bot',
    transport: 't',
    secret,
    index,
    message: { jsonrpc: '2.0', id: 'x', result: { index } },
    ...more,
  })

  test('arrive in any order, each once, from the one who was asked', async () => {
    const stub = object()
    const { secret, rest } = await asking(stub)
    for (const wrong of [
      answer(secret, 0, { owner: 'acme/other' }),
      answer(secret, 0, { transport: 'other' }),
      answer('A'.repeat(32), 0),
      answer(secret, 2),
      answer(secret, 1),
      answer(secret, 1, { message: { jsonrpc: '2.0', id: 'x', result: { index: 99 } } }),
      answer(secret, 0),
    ])
      await say(stub, '/answer', wrong)
    expect((await rest()).map((line) => line.message.result.index)).toEqual([1, 0])
  })

  test('are not waited for longer than five minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const stub = object()
    const { rest } = await asking(stub)
    await pass(stub, 5 * MINUTE)
    expect(await rest()).toEqual([{ kind: 'late' }])
  })

  test('to nobody are dropped', async () => {
    expect(await say(object(), '/answer', answer('A'.repeat(32), 0))).toEqual([])
  })
})
