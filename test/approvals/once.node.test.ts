/** Servers that ask for input, answered by whoever likes: what reaches them under one approval, and what does not. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MOST_REOPENINGS } from '../../src/contract/approvals.ts'
import { type AdminApi, adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent, type RpcMessage } from '../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted, stream } from '../support/node/scripted.ts'
import type { Json } from '../support/node/sdk-client.ts'
import { connectSessionEra } from '../support/node/sdk-clients.ts'
import { until } from '../support/node/until.ts'

const TENANT = 'careful'
const asks = { require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }] }
const elicitation = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
const page = { mode: 'url', elicitationId: 'e', url: 'https://pages.example/sign-in', message: 'Sign in' }
const questions = { who: { method: 'elicitation/create', params: elicitation } }
const answers = { who: { action: 'accept', content: {} } }
const done = { resultType: 'complete', content: [{ type: 'text', text: 'done' }] }

describe.skipIf(bareWorkerdMissing !== null)(`once ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let fresh: ScriptedServer
  let classic: ScriptedServer
  let tokens: Readonly<Record<'bot' | 'two', string>>
  /** What the stateless server answers to a call; null: nothing, until the test is over. */
  let reply: (params: Json) => Json | null = () => done
  let last = 0
  let text = ''

  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    fresh = await startScripted('stateless', ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      const result = reply((body.params ?? {}) as Json)
      if (result === null) return true
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
      return true
    })
    // Asks in the middle of the call, and answers it once it is told.
    const open = new Map<string, { id: unknown; end: (message: object) => void }>()
    classic = await startScripted('session', ({ body }, response) => {
      const args = (body?.params?.arguments ?? {}) as Json
      if (body?.method === 'tools/call' && args.page !== undefined) {
        const isVisited = delivered(classic).length > 1
        const error = { code: -32_042, message: 'Sign in', data: { elicitations: [page] } }
        response.writeHead(200, { 'content-type': 'application/json' })
        const said = isVisited ? { result: { content: done.content } } : { error }
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, ...said }))
        return true
      }
      if (body?.method === 'tools/call') {
        const id = `ask-${open.size}`
        open.set(id, {
          id: body.id,
          end: (message) => response.end(`data: ${JSON.stringify(message)}\n\n`),
        })
        return stream(response, { jsonrpc: '2.0', id, method: 'elicitation/create', params: elicitation })
      }
      const waiting = body?.method === undefined ? open.get(String(body?.id)) : undefined
      waiting?.end({ jsonrpc: '2.0', id: waiting.id, result: { content: done.content } })
      return false
    })
    admin = adminApi(gateway.url, TENANT)
    await admin.putTenant()
    await admin.putPolicy('careful', { version: '1', default: 'allow', all_tools: asks })
    await admin.putServer('fresh', { url: fresh.url })
    await admin.putServer('classic', { url: classic.url })
    tokens = {
      bot: await admin.putGrant('bot', { policy: 'careful' }),
      two: await admin.putGrant('two', { policy: 'careful' }),
    }
  })
  afterAll(async () => {
    await Promise.all([gateway?.stop(), fresh?.stop(), classic?.stop()])
  })
  beforeEach(() => {
    last += 1
    text = `text-${last}`
  })

  const api = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const response = await fetch(`${gateway.url}/api/v1/tenants/${TENANT}/${path}`, {
      method,
      headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Json
  }
  const decide = (id: string, decision: 'approve' | 'deny') => api('POST', `approvals/${id}`, { decision })
  const stateOf = async (id: string) => (await api('GET', `approvals/${id}`)).state
  const reaches = async (id: string, state: string) =>
    until(state, async () => (await stateOf(id)) === state, 5_000)

  /** One call of this test's own text, by a client that can be asked. */
  const call = async (
    more: Json = {},
    { server = 'fresh', grant = 'bot' as 'bot' | 'two', elicitation = {} } = {},
  ) => {
    const agent = await connectAgent('stateless', `${gateway.url}/mcp/${server}`, {
      authorization: `Bearer ${tokens[grant]}`,
    })
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation } }
    const params = { name: 'echo', arguments: { text }, ...more, _meta }
    const { answer } = await agent.send('tools/call', params)
    return answer
  }
  const resultOf = (answer: RpcMessage | null) => (answer?.result ?? {}) as Json
  const heldBy = (answer: RpcMessage | null) =>
    /apr_[a-z0-9-]+_[0-9a-f]{32}/.exec(JSON.stringify(resultOf(answer)))?.[0] ?? ''
  const errorIn = (answer: RpcMessage | null) =>
    ((resultOf(answer)._meta as Json | undefined)?.['gatehouse/error'] as Json | undefined)?.code
  const delivered = (server: ScriptedServer) =>
    server
      .received('tools/call')
      .filter(({ body }) => ((body?.params?.arguments ?? {}) as Json).text === text)
  const approved = async (server = 'fresh') => {
    const id = heldBy(await call({}, { server }))
    await decide(id, 'approve')
    return id
  }
  /** Asks with this state each time, until the answer to it comes. */
  const asking = (requestState: string | undefined) => (params: Json) =>
    params.inputResponses !== undefined && params.requestState === requestState
      ? done
      : { resultType: 'input_required', inputRequests: questions, ...(requestState ? { requestState } : {}) }

  test.each([
    ['with a state', 'state-of-the-server'],
    ['without one', undefined],
  ])('a server that asks %s is answered under the approval, once', async (_, requestState) => {
    reply = asking(requestState)
    const id = await approved()
    expect(resultOf(await call())).toMatchObject({ resultType: 'input_required' })
    const retry = { inputResponses: answers, ...(requestState ? { requestState } : {}) }
    // At once: the news that the server has asked may still be on its way.
    expect(resultOf(await call(retry))).toMatchObject({ content: done.content })
    await reaches(id, 'used')
    expect(heldBy(await call(retry))).not.toBe(id)
    expect(delivered(fresh)).toHaveLength(2)
  })

  test('a call that begins anew, or brings another state, needs an approval of its own', async () => {
    reply = asking('right')
    const id = await approved()
    await call()
    await reaches(id, 'asking')
    const others = [
      await call(),
      await call({ inputResponses: answers, requestState: 'wrong' }),
      await call({ inputResponses: answers }),
      await call({ inputResponses: answers, requestState: id }),
      await call({ inputResponses: answers, requestState: 'right' }, { grant: 'two' }),
    ]
    for (const answer of others) {
      expect(errorIn(answer)).toBe('approval_required')
      expect(heldBy(answer)).not.toBe(id)
    }
    expect(delivered(fresh)).toHaveLength(1)
    expect(resultOf(await call({ inputResponses: answers, requestState: 'right' }))).toMatchObject({
      content: done.content,
    })
    expect(delivered(fresh)).toHaveLength(2)
  })

  test('two retries at once make one call', async () => {
    reply = asking('both')
    const id = await approved()
    await call()
    await reaches(id, 'asking')
    const retry = { inputResponses: answers, requestState: 'both' }
    const both = await Promise.all([call(retry), call(retry)])
    expect(both.filter((it) => resultOf(it).isError !== true)).toHaveLength(1)
    expect(delivered(fresh)).toHaveLength(2)
  })

  test('a server that asks without end is left, and the client told so', async () => {
    let round = 0
    reply = () => ({
      resultType: 'input_required',
      inputRequests: questions,
      requestState: `round-${text}-${++round}`,
    })
    await approved()
    let answer = await call()
    for (let i = 0; i < MOST_REOPENINGS; i++)
      answer = await call({ inputResponses: answers, requestState: resultOf(answer).requestState })
    expect(resultOf(answer)).toMatchObject({ resultType: 'input_required' })
    const left = await call({ inputResponses: answers, requestState: resultOf(answer).requestState })
    expect(errorIn(left)).toBe('approval_exhausted')
    expect(delivered(fresh)).toHaveLength(MOST_REOPENINGS + 1)
    // Begun anew it waits for a person like any other.
    expect(errorIn(await call())).toBe('approval_required')
  })

  test('a denial while the call is at its server holds for what the server asks', async () => {
    let isAsked = false
    const id = await approved()
    reply = () => {
      isAsked = true
      return null
    }
    const lost = call()
    await until('at its server', () => isAsked, 5_000)
    const said = await decide(id, 'deny')
    expect(said).toMatchObject({
      state: 'denied',
      warnings: [expect.stringContaining('is still at its server')],
    })
    expect(errorIn(await call({ inputResponses: answers, requestState: 'any' }))).toBe('approval_denied')
    expect(errorIn(await call())).toBe('approval_denied')
    // Its client goes: nothing comes of it any more.
    void lost.catch(() => {})
    expect(delivered(fresh)).toHaveLength(1)
  })

  test('kill -9 between question and answer: the retry finds the approval as it was told', async () => {
    reply = asking('survives')
    const id = await approved()
    await call()
    await reaches(id, 'asking')
    const restart = async () => {
      await gateway.kill9()
      await gateway.start()
    }
    await restart()
    expect(await stateOf(id)).toBe('asking')
    expect(errorIn(await call())).toBe('approval_required')
    await restart()
    expect(resultOf(await call({ inputResponses: answers, requestState: 'survives' }))).toMatchObject({
      content: done.content,
    })
    await restart()
    expect(await stateOf(id)).toBe('used')
    await decide(id, 'deny')
    await restart()
    expect(await stateOf(id)).toBe('denied')
    expect(heldBy(await call({ inputResponses: answers, requestState: 'survives' }))).toBe(id)
    expect(delivered(fresh)).toHaveLength(2)
  })

  describe('a server of the session era, whose call the gateway holds', () => {
    const server = 'classic'

    test('is answered under the approval by the one state that the gateway gave', async () => {
      const id = await approved(server)
      const asked = resultOf(await call({}, { server }))
      expect(asked).toMatchObject({ resultType: 'input_required' })
      const named = Object.keys(asked.inputRequests as Json)
      const inputResponses = Object.fromEntries(named.map((name) => [name, answers.who]))
      expect(await stateOf(id)).toBe('used')
      const made = `${String(asked.requestState).slice(0, -4)}AAAA`
      expect((await call({ inputResponses, requestState: made }, { server }))?.error?.code).toBe(-32_602)
      const retry = { inputResponses, requestState: asked.requestState }
      expect(resultOf(await call(retry, { server }))).toMatchObject({ content: done.content })
      expect((await call(retry, { server }))?.error?.code).toBe(-32_602)
      expect(delivered(classic)).toHaveLength(1)
    })

    test('is not answered any more once the call was denied', async () => {
      const id = await approved(server)
      const asked = resultOf(await call({}, { server }))
      const named = Object.keys(asked.inputRequests as Json)
      const inputResponses = Object.fromEntries(named.map((name) => [name, answers.who]))
      expect(await decide(id, 'deny')).toMatchObject({ state: 'denied', warnings: [expect.any(String)] })
      const answer = await call({ inputResponses, requestState: asked.requestState }, { server })
      expect(errorIn(answer)).toBe('approval_denied')
      expect(heldBy(answer)).toBe(id)
    })

    test.each([
      ['goes on with the pages visited, once, where its client opens links', { form: {}, url: {} }, true],
      ['has used its approval where its client does not', {}, false],
    ])('that sends to a page %s', async (_, elicitation, isGivenBack) => {
      const more = { arguments: { text, page: 1 } }
      const how = { server, elicitation }
      const id = heldBy(await call(more, how))
      await decide(id, 'approve')
      const answer = await call(more, how)
      if (!isGivenBack) {
        expect(answer?.error?.code).toBe(-32_042)
        expect(heldBy(await call(more, how))).not.toBe(id)
        expect(await stateOf(id)).toBe('used')
        return
      }
      expect(resultOf(answer)).toMatchObject({ resultType: 'input_required' })
      expect(resultOf(answer).requestState).toBeUndefined()
      await reaches(id, 'asking')
      const retry = { ...more, inputResponses: { page1: { action: 'accept' } } }
      expect(resultOf(await call(retry, how))).toMatchObject({ content: done.content })
      expect(heldBy(await call(retry, how))).not.toBe(id)
      expect(delivered(classic)).toHaveLength(2)
    })

    test('goes on by its own approval alone, whatever was approved since', async () => {
      const answered = () => classic.received('POST').filter(({ body }) => body?.result !== undefined).length
      const before = answered()
      const first = await approved(server)
      const asked = resultOf(await call({}, { server }))
      const second = await approved(server)
      await decide(first, 'deny')
      const other = resultOf(await call({}, { server }))
      expect([await stateOf(first), await stateOf(second)]).toEqual(['denied', 'used'])
      const retry = (it: Json, requestState: unknown) => {
        const named = Object.keys(it.inputRequests as Json)
        const inputResponses = Object.fromEntries(named.map((name) => [name, answers.who]))
        return call({ inputResponses, requestState }, { server })
      }
      const denied = await retry(asked, asked.requestState)
      expect([errorIn(denied), heldBy(denied)]).toEqual(['approval_denied', first])
      // Neither under the name of the other call, which goes on, nor under none.
      const parts = String(asked.requestState).split('.')
      const others = String(other.requestState).split('.')
      for (const begunBy of [others[3], crypto.randomUUID(), undefined]) {
        const made = [...parts.slice(0, 3), ...(begunBy === undefined ? [] : [begunBy])].join('.')
        expect((await retry(asked, made))?.error?.code).toBe(-32_602)
      }
      expect(resultOf(await retry(other, other.requestState))).toMatchObject({ content: done.content })
      expect(answered()).toBe(before + 1)
    })
  })

  test('a client of the session era answers a stateless server within the one call', async () => {
    let rounds = 0
    reply = (params) => {
      rounds += 1
      return params.requestState === 'r3' && rounds > 3
        ? done
        : { resultType: 'input_required', inputRequests: questions, requestState: `r${rounds}` }
    }
    const client = await connectSessionEra(`${gateway.url}/mcp/fresh`, {
      token: tokens.bot,
      elicit: () => ({ action: 'accept', content: {} }),
    })
    const held = await client.callTool('echo', { text })
    const id = /apr_[a-z0-9-]+_[0-9a-f]{32}/.exec(held.text)?.[0] ?? ''
    await decide(id, 'approve')
    expect(await client.callTool('echo', { text })).toMatchObject({ isError: false, text: 'done' })
    expect(rounds).toBe(4)
    await reaches(id, 'used')
    expect(await client.callTool('echo', { text })).toMatchObject({ isError: true })
    expect(rounds).toBe(4)
    await client.end()
  })
})
