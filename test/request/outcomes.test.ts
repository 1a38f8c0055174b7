/** Outcomes on their way to their rows: who takes them there, and what becomes of them when that request does not arrive. */

import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { AdmitAnswer, AdmitRequest, Settled } from '../../src/contract/principal.ts'
import { ask } from '../../src/request/admission.ts'
import type { RequestContext } from '../../src/request/context.ts'
import { openFeed } from '../../src/request/feed.ts'
import { settleLater } from '../../src/request/outcomes.ts'
import { shownByHash } from '../support/credential.ts'

beforeEach(() => vi.useFakeTimers({ now: 0, toFake: ['Date', 'setTimeout', 'clearTimeout'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** A principal that answers what it is told to, and everything that it was told. */
function world(grant: string) {
  const behind: Promise<unknown>[] = []
  const told: Settled[] = []
  const principal = {
    answer: { kind: 'dead_session' } as AdmitAnswer | Error,
    feeds: [] as string[],
    admit: async ({ settled }: AdmitRequest) => {
      if (principal.answer instanceof Error) throw principal.answer
      if (principal.answer.kind !== 'unauthorized') told.push(...settled)
      return principal.answer
    },
    fetch: async (_: string, { headers }: { headers: Record<string, string> }) => {
      principal.feeds.push(JSON.stringify(headers))
      return Response.json(principal.answer)
    },
    settle: async (settled: readonly Settled[]) => void told.push(...settled),
  }
  const context = (requestId: string) =>
    ({
      env: { ...env, AUTH_FAILURES: undefined, PRINCIPAL: { getByName: () => principal } },
      http: new Request('https://mcp.example.com/mcp'),
      presented: { tenant: 'acme', grant, credential: shownByHash(new Uint8Array()), key: grant },
      requestId,
      transport: null,
      execution: { waitUntil: (work: Promise<unknown>) => void behind.push(work) },
    }) as unknown as RequestContext
  const ended = (requestId: string) =>
    settleLater(context(requestId), { outcome: 'result', upstreamStatus: 200, latencyMs: 1 })
  return { behind, told, principal, context, ended }
}

/** Enough of them that the next question takes them along. */
const many = Array.from({ length: 20 }, (_, i) => `call-${i}`)

test('another request takes them there, once the first must have done it', () => {
  const { behind, ended } = world('stopped')
  ended('one')
  ended('two')
  expect(behind).toHaveLength(1)
  vi.clearAllTimers()
  vi.setSystemTime(60_000)
  ended('three')
  expect(behind).toHaveLength(2)
})

test('the next question takes them along, once', async () => {
  const { told, context, ended } = world('next')
  many.forEach(ended)
  await ask(context('a'), { kind: 'check' })
  await ask(context('b'), { kind: 'check' })
  expect(told.map(({ requestId }) => requestId)).toEqual(many)
})

test.each<[string, AdmitAnswer | Error]>([
  ['does not arrive', new Error('told to fail')],
  ['is not from whom it says', { kind: 'unauthorized' }],
])('a question that %s loses none: the next takes them along, in their order', async (why, answer) => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const { told, principal, context, ended } = world(`failing ${why}`)
  many.forEach(ended)
  principal.answer = answer
  await ask(context('a'), { kind: 'check' })
  expect(told).toEqual([])
  ended('later')
  principal.answer = { kind: 'dead_session' }
  await ask(context('b'), { kind: 'check' })
  expect(told.map(({ requestId }) => requestId)).toEqual([...many, 'later'])
})

test('a feed takes none along, whatever waits', async () => {
  const { told, principal, context, ended } = world('feed')
  many.forEach(ended)
  await openFeed(context('feed'))
  expect(principal.feeds).toHaveLength(1)
  expect(principal.feeds[0]).not.toContain('call-')
  await ask(context('a'), { kind: 'check' })
  expect(told.map(({ requestId }) => requestId)).toEqual(many)
})
