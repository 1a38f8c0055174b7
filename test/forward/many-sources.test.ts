/** One stream of many: how often servers are opened for it. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Reached } from '../../src/bridge/conversation.ts'
import { MergedStream } from '../../src/forward/many-sources.ts'

afterEach(() => vi.useRealTimers())

test('ends before it has asked more than its invocation may, however often its servers break off', async () => {
  const { 0: feed, 1: principal } = new WebSocketPair()
  principal.accept()
  feed.accept()
  const merged = new MergedStream(feed, new AbortController().signal, {
    isHeld: false,
    eventOf: () => null,
  })
  const reader = (merged.response().body as ReadableStream<Uint8Array>).getReader()
  expect((await reader.read()).done).toBe(false)
  let opened = 0
  const open = async () => {
    opened += 1
    return { againInMs: null }
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const at = (name: string) =>
    ({
      upstream: { name, url: `https://${name}.example/mcp` },
      admitted: { upstream: null },
    }) as unknown as Reached
  for (const name of ['crm', 'erp'])
    void merged.join(at(name), {
      open,
      rewriting: { request: null, own: null } as never,
      lastEventId: undefined,
    })
  await vi.advanceTimersByTimeAsync(150 * 60_000)
  expect(principal.readyState).toBe(WebSocket.READY_STATE_OPEN)
  expect(opened).toBeGreaterThan(250)
  await vi.advanceTimersByTimeAsync(150 * 60_000)
  expect(opened).toBe(400)
  for (let read = await reader.read(); !read.done; ) read = await reader.read()
})
