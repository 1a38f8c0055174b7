/** That nobody has logged in is remembered, and never longer than it is so. */
import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import type { Env } from '../../src/contract/env.ts'
import { endSession, startSession } from '../../src/principal/sessions.ts'
import { PrincipalState } from '../../src/principal/state.ts'
import { type Whose, whose } from '../../src/principal/whose.ts'
import { fresh, installGrant, principal } from '../support/gateway.ts'

const lifetimes = { idleMs: 60_000, absoluteMs: 600_000 }
const NOW_MS = 1_000_000

beforeEach(fresh)

test('a logout that is taken back leaves the login, for those whose work ran beside it, too', async () => {
  await installGrant('acme', 'bot')
  await runInDurableObject(principal('acme/bot'), async (_, { storage }) => {
    const state = new PrincipalState(
      storage,
      () => ({}) as Env,
      () => false,
    )
    const { sql, unbound } = state
    const find = () =>
      whose(
        { sql, unbound, mode: 'auto', hasStream: () => false, nowMs: NOW_MS },
        { transport: null, handle: null },
      )
    const accountOf = (found: Whose) =>
      found.kind === 'found' ? (found.place.session?.account ?? null) : '?'
    const start = { id: 'ses_a', transport: null, account: 'ana', provider: null, client: null }
    await state.write(() => startSession(sql, start, lifetimes, NOW_MS))

    const works = [
      () => {
        endSession(sql, 'ses_a', 'logout', NOW_MS)
        expect(accountOf(find())).toBeNull()
        expect(unbound.areNone).toBe(true)
        throw new Error('taken back')
      },
      () => accountOf(find()),
    ]
    // The first is under way while the others wait, and then they share a transaction.
    const answers = await Promise.allSettled([() => null, ...works].map((work) => state.write<unknown>(work)))
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : 'failed'))).toEqual([
      null,
      'failed',
      'ana',
    ])
    expect(accountOf(find())).toBe('ana')
  })
})
