import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startWorld } from '../support/node/eras-world.ts'

test('evict', async () => {
  const world = await startWorld()
  try {
    const token = await world.grant('a')
    const call = (params: object) =>
      world.post('session', token, {
        method: 'tools/call',
        params: { name: 'ask_name', arguments: {}, ...params },
        capabilities: { elicitation: {} },
      })
    const asked = await call({})
    await wait(45_000)
    const answered = await call({
      requestState: asked.result?.requestState,
      inputResponses: { question1: { action: 'accept', content: { name: 'Ana' } } },
    })
    console.log(JSON.stringify(answered))
    const old = await world.connect('session', 'stateless', {
      elicit: async () => {
        await wait(30_000)
        return { action: 'accept', content: { name: 'Bea' } }
      },
    })
    console.log(await old.callTool('ask_name', {}, { timeoutMs: 60_000 }))
    console.log(world.gateway.output())
    expect(1).toBe(1)
  } finally {
    await world.stop()
  }
}, 120_000)
