/** Bodies that never end, on bare workerd: a development server in front has answers of its own to them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { DEMO_TOKEN } from '../support/node/wrangler-dev.ts'

describe.skipIf(bareWorkerdMissing !== null)(`a body without end ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true' })
  })
  afterAll(() => gateway.stop())

  test('is refused while it arrives, and the gateway goes on', async () => {
    const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
    for (let i = 0; i < 5; i++) {
      const body = new ReadableStream<Uint8Array>({
        pull: (it) => it.enqueue(new Uint8Array(65_536).fill(32)),
      })
      const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
      // Whoever refuses without reading on may close the connection before the client has read the answer.
      const outcome = await fetch(`${gateway.url}/mcp`, init).then(
        ({ status }) => status,
        () => 'closed',
      )
      expect([413, 'closed']).toContain(outcome)
    }
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  })
})
