/** A body without end, on bare workerd: a development server in front has answers of its own to it. */
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { DEMO_TOKEN } from '../support/node/wrangler-dev.ts'

const CHUNK = Buffer.alloc(65_536, ' ')
/** Far beyond the limit; whoever reads on for so long reads without one. */
const MOST_CHUNKS = 512

/** Sends chunks until it is answered or cut off, and stops. */
function sendWithoutEnd(url: string): Promise<number | 'closed' | 'read on'> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
    const sent = request(`${url}/mcp`, { method: 'POST', headers, agent: false })
    let isOver = false
    const finish = (outcome: number | 'closed' | 'read on') => {
      isOver = true
      resolve(outcome)
      sent.destroy()
    }
    sent.on('response', ({ statusCode }) => finish(statusCode ?? 0))
    sent.on('error', () => finish('closed'))
    const push = (left: number) => {
      if (isOver) return
      if (left === 0) finish('read on')
      else sent.write(CHUNK, () => push(left - 1))
    }
    push(MOST_CHUNKS)
  })
}

describe.skipIf(bareWorkerdMissing !== null)(`a body without end ${bareWorkerdMissing ?? ''}`, () => {
  let gateway: BareGateway
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true' })
  })
  afterAll(() => gateway.stop())

  test('is refused while it arrives, and the gateway goes on', async () => {
    for (let i = 0; i < 5; i++) {
      // Whoever refuses without reading on may close the connection before the client has read the answer.
      expect([413, 'closed']).toContain(await sendWithoutEnd(gateway.url))
    }
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  })
})
