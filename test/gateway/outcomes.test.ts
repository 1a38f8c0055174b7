/** Outcomes on their way to their rows, when the request that was to take them there is stopped. */
import { env } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import type { Passage } from '../../src/gateway/admission.ts'
import { settleLater } from '../../src/gateway/outcomes.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('another request takes them there, once the first must have done it', () => {
  vi.useFakeTimers({ now: 0, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  const behind: Promise<unknown>[] = []
  const claim = { tenant: 'acme', grant: 'stopped', secretHash: new Uint8Array(), key: '' }
  const end = () =>
    settleLater(
      {
        env,
        claim,
        requestId: crypto.randomUUID(),
        execution: { waitUntil: (work: Promise<unknown>) => void behind.push(work) },
      } as unknown as Passage,
      { outcome: 'result', upstreamStatus: 200, latencyMs: 1 },
    )
  end()
  end()
  expect(behind).toHaveLength(1)
  vi.clearAllTimers()
  vi.setSystemTime(60_000)
  end()
  expect(behind).toHaveLength(2)
})
