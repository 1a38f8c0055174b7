/** The deployment's owner: guesses of the root token are counted and slowed, and one that can be guessed opens nothing. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { rootToken, rootTokenProblem } from '../../src/admin/root-token.ts'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { countFailure, SLOW_DOWN_MS } from '../../src/request/failures.ts'
import { admin, OWN_ROOT, ROOT } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const SHORT = 'hunter2-hunter2-hunter2-hunter2'

function ask(path: string, token: string, bindings: Partial<Env> = {}, address = '127.9.0.1') {
  const headers = { authorization: `Bearer ${token}`, 'cf-connecting-ip': address }
  const http = new Request(`http://127.0.0.1:8787/api/v1${path}`, { headers })
  return app.fetch(http, { ...env, ROOT_TOKEN: OWN_ROOT, ...bindings } as Env, createExecutionContext())
}

describe('a guess', () => {
  test.each([
    '/tenants',
    '/tenants/acme',
    '/tenants/acme/servers',
    '/tenants/ACME',
    '/nothing',
    '/tenants/demo',
  ])('at %s is counted once, by the address', async (path) => {
    const AUTH_FAILURES = { limit: vi.fn().mockResolvedValue({ success: true }) }
    const bindings = { AUTH_FAILURES } as unknown as Partial<Env>
    for (const token of [`${OWN_ROOT}x`, 'guess', ROOT, 'gha_acme_ana_0123456789abcdef0123456789abcdef'])
      expect((await ask(path, token, bindings)).status).toBe(401)
    expect(AUTH_FAILURES.limit.mock.calls).toEqual(Array(4).fill([{ key: '127.9.0.1' }]))
    expect((await ask(path, OWN_ROOT, bindings)).status).not.toBe(401)
    expect(AUTH_FAILURES.limit).toHaveBeenCalledTimes(4)
  })

  test.each([
    ['the right token', OWN_ROOT, 200],
    ['a wrong one', `${OWN_ROOT}x`, 401],
  ])(
    'from an address that has failed too often waits before it is compared, and so does %s',
    async (_, token, status) => {
      const from = `127.9.1.${status % 200}`
      const failed = new Request('http://x', { headers: { 'cf-connecting-ip': from } })
      for (let i = 0; i < 21; i++) await countFailure(failed, env, Date.now())
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const digest = vi.spyOn(crypto.subtle, 'digest')
      const answer = ask('/tenants', token, {}, from)
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
      expect(digest).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(SLOW_DOWN_MS)
      expect((await answer).status).toBe(status)
      expect(digest).toHaveBeenCalled()
    },
  )
})

describe('a ROOT_TOKEN that can be guessed', () => {
  test('opens nothing, and the published one does not take its place', async () => {
    await admin('PUT', 'acme', {})
    for (const ROOT_TOKEN of [SHORT, ROOT, '']) {
      for (const token of [ROOT_TOKEN, ROOT].filter((it) => it !== ''))
        for (const path of ['/tenants', '/tenants/acme'])
          expect((await ask(path, token, { ROOT_TOKEN })).status).toBe(401)
    }
    expect((await ask('/tenants/acme', OWN_ROOT)).status).toBe(200)
  })

  test.each([
    ['', 'has 0 characters'],
    [SHORT, 'has 31 characters'],
    [`${OWN_ROOT}\n`, 'has characters that no Authorization header carries'],
    [` ${OWN_ROOT}`, 'has characters that no Authorization header carries'],
    [`${OWN_ROOT}ä`, 'has characters that no Authorization header carries'],
  ])('is named without being told: %j', (ROOT_TOKEN, found) => {
    const problem = rootTokenProblem({ ROOT_TOKEN })
    expect(problem).toContain(`ROOT_TOKEN ${found}; allowed: at least 32 printable ASCII`)
    if (ROOT_TOKEN !== '') expect(problem).not.toContain(ROOT_TOKEN.trim())
    expect(rootToken({ ROOT_TOKEN })).toBeNull()
  })

  test('is none of 32 characters, and having none at all is no problem', () => {
    expect([rootTokenProblem({}), rootToken({})]).toEqual([null, null])
    const ROOT_TOKEN = `${SHORT}x`
    expect([rootTokenProblem({ ROOT_TOKEN }), rootToken({ ROOT_TOKEN })]).toEqual([null, ROOT_TOKEN])
  })
})
