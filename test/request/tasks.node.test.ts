/** A server's tasks are everybody's who has its credentials: all grants'. So no grant gets any. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { eras } from '../support/node/mcp-agent.ts'
import { entrances, startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const EXTENSION = 'io.modelcontextprotocol/tasks'
const methods = ['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel', 'tasks/update']
const ofTasks = { tasks: { list: {} }, extensions: { [EXTENSION]: {} } }

describe.skipIf(bareWorkerdMissing !== null)(`tasks${missing}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  test.each(eras.flatMap((era) => entrances.map((entrance) => [era, entrance] as const)))(
    'are neither read nor made in the %s era (%s)',
    async (era, entrance) => {
      const { server, name, connect } = await world.add(
        `tasks-${era}-${entrance}`,
        {},
        { capabilities: ofTasks },
      )
      const agent = await connect(era, entrance)
      for (const method of methods) {
        const { answer } = await agent.send(method, { taskId: 't1' })
        // Or that the headers do not name the task, which is looked at first at /mcp.
        expect([-32_601, -32_020]).toContain(answer?.error?.code)
        expect(server.received(method)).toEqual([])
      }
      const tool = entrance === 'all' ? `${name}__echo` : 'echo'
      const params = { name: tool, arguments: { text: 'x' }, task: { ttl: 60_000 } }
      const { answer } = await agent.send('tools/call', params)
      expect(answer?.result?.content).toEqual([{ type: 'text', text: 'x' }])
      const [called] = server.received('tools/call')
      expect(JSON.stringify(called?.body)).not.toContain('task"')
    },
  )

  test('are offered by neither side', async () => {
    const { server, connect } = await world.add('offers-tasks', {}, { capabilities: ofTasks })
    const session = await connect('session', 'one')
    const initialized = await session.send('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: ofTasks,
      clientInfo: { name: 'agent', version: '1' },
    })
    expect(initialized.answer?.result?.capabilities).toEqual({ tools: { listChanged: true }, extensions: {} })
    const told = server.received('initialize').map(({ body }) => (body as { params: object }).params)
    expect(told.at(-1)).toMatchObject({ capabilities: { extensions: {} } })
    expect(JSON.stringify(told)).not.toContain('tasks')
    const stateless = await connect('stateless', 'one')
    const discovered = await stateless.send('server/discover')
    expect(discovered.answer?.result?.capabilities).toEqual({ tools: { listChanged: true }, extensions: {} })
  })
})
