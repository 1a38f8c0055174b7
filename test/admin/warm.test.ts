/** However many isolates know a grant already, a change holds for the next request of every one of them. */

import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test } from 'vitest'
import { admin, makeGrant } from '../support/admin.ts'
import { shownByHash } from '../support/credential.ts'
import { connect, fresh, post, request, type SessionClient } from '../support/gateway.ts'

beforeEach(fresh)

const CLIENTS = 100
const TOOL = 'auth_whoami'

/**
 * Isolates share nothing but the principal. What an isolate remembers is a token with the version that it last saw,
 * so a hundred grants, each met, are a hundred warm caches; and a hundred sessions of one grant are as many askers of
 * one. Asked at once, nobody can learn of a change from a neighbour.
 */
async function warm(clients: readonly SessionClient[]): Promise<void> {
  const answers = await Promise.all(clients.map((client) => client.call(TOOL)))
  expect(answers.filter(({ isError }) => isError)).toEqual([])
}

const outcomes = async (clients: readonly SessionClient[]) => {
  const answers = await Promise.all(clients.map((client) => client.call(TOOL)))
  return [...new Set(answers.map(({ status, isError }) => `${status}${isError ? ' error' : ''}`))]
}

describe('a hundred grants', () => {
  async function clientsOf(): Promise<SessionClient[]> {
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'allow' })
    const tokens: string[] = []
    for (let i = 0; i < CLIENTS; i++) {
      const { body } = await admin('PUT', `acme/grants/bot-${i}`, { policy: 'main' })
      tokens.push(String(body?.token))
    }
    const clients = await Promise.all(tokens.map((token) => connect({ token })))
    await warm(clients)
    return clients
  }

  test('are under a changed policy, suspended, resumed and revoked with the next request', async () => {
    const clients = await clientsOf()
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'deny' })
    expect(await outcomes(clients)).toEqual(['200 error'])
    await admin('POST', 'acme/policies/main/rollback', { version: 1 })
    expect(await outcomes(clients)).toEqual(['200'])
    await admin('POST', 'acme/suspend')
    expect(await outcomes(clients)).toEqual(['403'])
    await admin('POST', 'acme/resume')
    expect(await outcomes(clients)).toEqual(['200'])
    await Promise.all(clients.map((_, i) => admin('DELETE', `acme/grants/bot-${i}`)))
    expect(await outcomes(clients)).toEqual(['401'])
  }, 60_000)
})

describe('a hundred sessions of one grant', () => {
  test('hear of it as well', async () => {
    const token = await makeGrant('acme', 'bot')
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect({ token })))
    await warm(clients)
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    expect(await outcomes(clients)).toEqual(['200 error'])
    await admin('POST', 'acme/suspend')
    expect(await outcomes(clients)).toEqual(['403'])
    await admin('POST', 'acme/resume')
    await admin('DELETE', 'acme/grants/bot')
    expect(await outcomes(clients)).toEqual(['401'])
  })

  test('an isolate that remembers the oldest of all configurations is put right by the principal', async () => {
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    await client.call(TOOL)
    const [, , , secret = ''] = /^gh_([^_]+)_([^_]+)_(.+)$/.exec(token) ?? []
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
    const principal = env.PRINCIPAL.getByName('acme/bot')
    const ask = (configVersion: string) =>
      principal.admit({
        tenant: 'acme',
        grant: 'bot',
        credential: shownByHash(digest),
        requestId: crypto.randomUUID(),
        transport: null,
        handle: null,
        configVersion,
        upstream: null,
        settled: [],
        intent: { kind: 'check' },
      })
    const first = await ask('a version from long ago')
    expect(first.kind).toBe('stale')
    const { version } = JSON.parse(first.kind === 'stale' ? first.config : '{}') as { version: string }
    expect((await ask(version)).kind).toBe('admitted')
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => ask(version)))
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['stale']))
    await admin('POST', 'acme/suspend')
    const refused = await Promise.all(Array.from({ length: CLIENTS }, () => ask(version)))
    expect(new Set(refused.map(({ kind }) => kind))).toEqual(new Set(['suspended']))
    await admin('POST', 'acme/resume')
    await admin('DELETE', 'acme/grants/bot')
    const gone = await Promise.all(Array.from({ length: CLIENTS }, () => ask(version)))
    expect(new Set(gone.map(({ kind }) => kind))).toEqual(new Set(['unauthorized']))
    expect((await post(request('ping'), { token })).status).toBe(401)
  })
})
