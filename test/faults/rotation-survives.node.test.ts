/**
 * `kill -9` of the runtime while a grant gets another token: at moments after the request was sent, and in the tick in
 * which it was answered. The same request again, with its `Idempotency-Key`, comes to one rotation: the token that was
 * told opens, the one before it opens through the overlap, and the one before that does not.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'

/** When to pull the plug, in milliseconds after the request was sent; null: in the tick in which it was answered. */
const moments: readonly (number | null)[] = [null, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 13, 16, 20, null]
const OVERLAP_SECONDS = 3_600

interface Answered {
  readonly status: number
  readonly token: string
}

describe.skipIf(bareWorkerdMissing !== null)(`kill -9 around a rotation ${bareWorkerdMissing ?? ''}`, () => {
  test(`loses no token and makes none twice, in ${moments.length} tries`, { timeout: 180_000 }, async () => {
    const gateway = await startBare({ DEMO: 'true' })
    onTestFinished(gateway.stop)
    const admin = adminApi(gateway.url, 'acme')
    await admin.putTenant()
    await admin.putPolicy('all', { version: '1', default: 'allow' })
    let tokens = ['gh_acme_bot_never-issued', await admin.putGrant('bot', { policy: 'all' })]

    const rotate = async (key: string): Promise<Answered> => {
      const response = await fetch(`${gateway.url}/api/v1/tenants/acme/grants/bot/rotate`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ROOT_TOKEN}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({ overlap_seconds: OVERLAP_SECONDS }),
      })
      const { token = '' } = (await response.json()) as { token?: string }
      return { status: response.status, token }
    }
    const opens = async (token: string) => {
      const response = await fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
      await response.body?.cancel()
      return response.status !== 401
    }

    let unanswered = 0
    for (const [n, killAfterMs] of moments.entries()) {
      const key = `rotation-${n}`
      const sent = rotate(key).catch(() => null)
      if (killAfterMs === null) expect(await sent).toMatchObject({ status: 201 })
      else await wait(killAfterMs)
      await gateway.kill9()
      const answered = await sent
      await gateway.start()
      if (answered === null) unanswered += 1
      // The old token opens before anybody asks again.
      expect(await opens(tokens.at(-1) ?? ''), `the last token, try ${n}`).toBe(true)
      const again = await rotate(key)
      expect(again.status).toBe(201)
      if (answered !== null && answered.status === 201) expect(again.token).toBe(answered.token)
      tokens = [...tokens, again.token].slice(-3)
      // The principal is told with the answer, or by alarm when that died.
      expect(await Promise.all(tokens.map(opens)), `try ${n}`).toEqual([false, true, true])
    }
    expect(unanswered).toBeGreaterThan(0)
    const response = await fetch(`${gateway.url}/api/v1/tenants/acme/grants/bot`, {
      headers: { authorization: `Bearer ${ROOT_TOKEN}` },
    })
    expect(await response.json()).toMatchObject({ pending: 0 })
  })
})
