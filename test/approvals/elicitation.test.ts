/** How a client that can open links is sent to one: in the stateless era by its result, in the session era by an error. */

import { evictDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { approvalsFullResult } from '../../src/call/approval-answer.ts'
import { TenantObject } from '../../src/tenant/object.ts'
import { admin, makeGrant } from '../support/admin.ts'
import { listen } from '../support/events.ts'
import { fresh, type Json, open, post, principal, request, rows, SessionClient } from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'
import { ASKS, backFrom, callWithLinks, decide, errorOf, told, track } from './support.ts'

const NAME = 'acme/bot'
let token = ''

beforeEach(async () => {
  await fresh()
  token = await makeGrant('acme', 'bot', ASKS)
})
afterEach(async () => {
  await told()
  vi.useRealTimers()
})

const resultOf = ({ body }: { body: Json | null }) => body?.result as Json
const made = async () => (await rows("SELECT 1 FROM outbox WHERE tool = 'track_logout'", NAME)).length

describe('in the stateless era', () => {
  const first = async () => {
    const answer = await callWithLinks(token)
    return { answer, id: String(resultOf(answer).requestState) }
  }

  test('a client that can open links is asked to', async () => {
    const { answer, id } = await first()
    expect(answer.status).toBe(200)
    expect(resultOf(answer)).toEqual({
      resultType: 'input_required',
      inputRequests: {
        approval: {
          method: 'elicitation/create',
          params: {
            mode: 'url',
            message: expect.stringContaining('Ask Ana.'),
            url: `http://127.0.0.1:8787/t/acme/approvals/${id}`,
          },
        },
      },
      requestState: id,
    })
  })

  test('one that cannot is told in a tool error', async () => {
    expect(errorOf(await track(token))).toMatchObject({
      code: 'approval_required',
      approval: (await first()).id,
    })
  })

  test('its retry finds the call approved, and makes it', async () => {
    const { id } = await first()
    await decide(id, 'approve')
    expect(resultOf(await callWithLinks(token, undefined, backFrom(id)))).toMatchObject({
      resultType: 'complete',
    })
    expect(await made()).toBe(1)
  })

  test('its retry finds the call denied', async () => {
    const { id } = await first()
    await decide(id, 'deny', 'No.')
    const result = resultOf(await callWithLinks(token, undefined, backFrom(id)))
    expect(result).toMatchObject({ isError: true, structuredContent: { error: { code: 'approval_denied' } } })
  })

  test('its retry waits for whoever decides', async () => {
    const { id } = await first()
    const retry = callWithLinks(token, undefined, backFrom(id))
    // Until it has asked, and been told to wait.
    await vi.waitUntil(async () => (await rows('SELECT 1 FROM audit', NAME)).length === 2, PATIENT)
    await decide(id, 'approve')
    expect(resultOf(await retry)).toMatchObject({ resultType: 'complete' })
    expect(await made()).toBe(1)
  })

  test('two retries that wait make one call', async () => {
    const { id } = await first()
    const retries = [1, 2].map(() => callWithLinks(token, undefined, backFrom(id)))
    await vi.waitUntil(async () => (await rows('SELECT 1 FROM audit', NAME)).length === 3, PATIENT)
    await decide(id, 'approve')
    const results = (await Promise.all(retries)).map(resultOf)
    expect(results.filter(({ structuredContent }) => structuredContent !== undefined)).toHaveLength(1)
    expect(await made()).toBe(1)
  })

  test('a person who does not go there makes nobody wait', async () => {
    const { id } = await first()
    for (const action of ['decline', 'cancel']) {
      const result = resultOf(await callWithLinks(token, undefined, backFrom(id, action)))
      expect(result).toMatchObject({
        isError: true,
        structuredContent: { error: { code: 'approval_required' } },
      })
    }
  })

  test('a state that was made up opens nothing', async () => {
    const { id } = await first()
    await decide(id, 'approve')
    const other = await makeGrant('acme', 'two', ASKS)
    expect(resultOf(await callWithLinks(other, undefined, backFrom(id)))).toMatchObject({
      resultType: 'input_required',
    })
    expect(resultOf(await callWithLinks(token, { account_id: 'b' }, backFrom(id)))).toMatchObject({
      resultType: 'input_required',
    })
    expect(await made()).toBe(0)
    await told('acme/two')
  })
})

describe('in the session era', () => {
  const connect = async (elicitation: Json, protocolVersion = '2025-11-25', path = '/mcp') => {
    const params = { protocolVersion, capabilities: { elicitation }, clientInfo: { name: 't', version: '1' } }
    const answer = await post(request('initialize', params), { token, path })
    return new SessionClient(answer.headers.get('mcp-session-id') ?? '', token, protocolVersion, path)
  }
  const call = (client: SessionClient) =>
    client.request('tools/call', { name: 'track_logout', arguments: { account_id: 'a' } })

  test('a client that can open links is told by an error which it must', async () => {
    const client = await connect({ url: {} })
    const { body } = await call(client)
    const { data } = (body as { error: { data: { elicitations: Json[] } } }).error
    const id = String(data.elicitations[0]?.elicitationId)
    expect(body?.error).toMatchObject({
      code: -32_042,
      data: {
        elicitations: [
          { mode: 'url', elicitationId: id, url: `http://127.0.0.1:8787/t/acme/approvals/${id}` },
        ],
      },
    })
    await decide(id, 'approve')
    expect((await call(client)).body?.result).toMatchObject({ structuredContent: {} })
    expect(await made()).toBe(1)
  })

  describe('once somebody has decided', () => {
    const asked = async (client: SessionClient) => {
      const { body } = await call(client)
      const error = body?.error as { data: { elicitations: { elicitationId: string }[] } } | undefined
      return error?.data.elicitations[0]?.elicitationId ?? ''
    }
    const complete = (id: string) => ({
      jsonrpc: '2.0',
      method: 'notifications/elicitation/complete',
      params: { elicitationId: id },
    })
    /** Ends every stream of the grant, so that what was not said can be told. */
    const over = () => admin('DELETE', 'acme/grants/bot')

    test.each([
      ['/mcp', 'approve'],
      ['/mcp/legiti', 'approve'],
      ['/mcp/legiti', 'deny'],
    ] as const)('a stream of %s hears of it (%s)', async (path, decision) => {
      const client = await connect({ url: {} }, undefined, path)
      const events = await listen(client)
      const id = await asked(client)
      await evictDurableObject(principal(NAME))
      await decide(id, decision)
      expect(await events.next()).toEqual(complete(id))
      await events.close()
    })

    test('it does not wait for a tenant that is slow to hear of it', async () => {
      const client = await connect({ url: {} })
      const events = await listen(client)
      const id = await asked(client)
      await told()
      let isTold = false
      const slow = vi.spyOn(TenantObject.prototype, 'receiveAnnouncements').mockImplementation(async () => {
        await new Promise((resolve) => setTimeout(resolve, 1_000))
        isTold = true
      })
      const asRoot = { reason: null, by: null, owner: null }
      const deciding = principal(NAME).decideApproval({ id, decision: 'approve', ...asRoot })
      expect(await events.next()).toEqual(complete(id))
      expect(isTold).toBe(false)
      await deciding
      slow.mockRestore()
      await events.close()
    })

    test('one stream of several, and none of another session', async () => {
      const [client, other] = [await connect({ url: {} }), await connect({ url: {} })]
      const streams = [await listen(client), await listen(client), await listen(other)]
      const id = await asked(client)
      await decide(id, 'approve')
      await over()
      const heard = await Promise.all(streams.map((stream) => stream.next()))
      expect(heard.filter((event) => event !== null)).toEqual([complete(id)])
      expect(heard[2]).toBeNull()
    })

    test('whoever has closed the newest hears it on another', async () => {
      const client = await connect({ url: {} })
      const [first, second] = [await listen(client), await listen(client)]
      const id = await asked(client)
      await second.close()
      await decide(id, 'approve')
      expect(await first.next()).toEqual(complete(id))
      await first.close()
    })

    test('a client that cannot open links hears nothing', async () => {
      const client = await connect({})
      const events = await listen(client)
      const { body } = await call(client)
      const result = body?.result as { structuredContent: { error: { approval: string } } }
      await decide(result.structuredContent.error.approval, 'approve')
      await over()
      expect(await events.next()).toBeNull()
    })
  })

  test.each([
    ['forms alone', {}, '2025-11-25'],
    ['a revision before there were links', { url: {} }, '2025-06-18'],
  ])('a client with %s is told in a tool error', async (_, elicitation, version) => {
    const { body } = await call(await connect(elicitation, version))
    expect(body?.result).toMatchObject({
      isError: true,
      structuredContent: { error: { code: 'approval_required' } },
    })
  })
})

test('the link shows the same whatever is behind it', async () => {
  const { approval: id, url } = errorOf(await track(token))
  const { pathname } = new URL(url)
  const pages = await Promise.all(
    [id, `apr_ghost_${'0'.repeat(32)}`, 'x'].map(async (it) => {
      const page = await open('GET', pathname.replace(id, it), null, {})
      return [page.status, await page.text()]
    }),
  )
  expect(pages[0]).toEqual(pages[1])
  expect(pages[0]).toEqual(pages[2])
  expect(pages[0]?.[0]).toBe(200)
})

test('nobody waits for what is decided, or is not there', async () => {
  const { approval: id } = errorOf(await track(token))
  await decide(id, 'deny')
  await principal(NAME).waitForDecision(id, 60_000)
  await principal(NAME).waitForDecision('apr_bot_none', 60_000)
  await principal('acme/ghost').waitForDecision(id, 60_000)
  expect(approvalsFullResult(3).isError).toBe(true)
})
