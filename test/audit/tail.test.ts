/** What a live tail may ask of others before it ends by itself. */
import { expect, test } from 'vitest'
import { type TailContext, tailEvents } from '../../src/audit/tail.ts'

/** What the platform lets one request ask. */
const ALLOWED = 1_000

/** Follows a tenant of `grants` grants, where nothing happens, to the end of the stream. */
async function followed(grants: number) {
  let asked = 0
  let nowMs = 0
  const asks = <T>(answer: T) => {
    asked += 1
    return answer
  }
  const principals = Array.from({ length: grants }, (_, i) => `g${i}`)
  const rows = { chain: 'c', headSeq: 0, lastSeq: 0, rows: [] }
  const object = { auditLogs: async () => asks({ principals }), auditRows: async () => asks(rows) }
  const namespace = { getByName: () => object, idFromName: () => 'id', get: () => object }
  const statement = { bind: () => statement, all: async () => asks({ results: [] }) }
  const context = {
    env: { TENANT: namespace, PRINCIPAL: namespace },
    db: { prepare: () => statement },
    tenant: 'acme',
    filter: {},
    after: null,
    // A person by Access: the tenant's team, its keys, the person.
    isAllowed: async () => asks(asks(asks(true))),
    now: () => nowMs,
    wait: async (ms: number) => {
      nowMs += ms
    },
  } as unknown as TailContext
  const text = await new Response(tailEvents(context)).text()
  return { text, asked, nowMs }
}

test.each([0, 1, 3, 19, 20, 500])(
  'a tail of a tenant with %i grants says its end before it is cut',
  async (grants) => {
    const { text, asked, nowMs } = await followed(grants)
    expect(text).toMatch(/event: end\ndata: {}\n\n$/)
    expect(asked).toBeLessThan(ALLOWED)
    expect(asked).toBeGreaterThan(ALLOWED / 2)
    expect(nowMs).toBeLessThan(15 * 60_000)
  },
)
