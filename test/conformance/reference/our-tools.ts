/** Tools of the reference servers that no suite asks for: for tests of our own. */
import { setTimeout as wait } from 'node:timers/promises'
import { asks } from './asking-tools.ts'
import { noArguments, objectOf, type Tool, text } from './tool.ts'
import type { World } from './world.ts'

const STEP_MS = 50

export const ourTools: readonly Tool[] = [
  {
    name: 'echo',
    description: 'Answers with what it was given',
    inputSchema: objectOf({ text: { type: 'string' } }),
    call: ({ args }) => text(String(args.text)),
  },
  {
    name: 'slow_progress',
    description: 'Reports progress `steps` times, `wait_ms` apart, then answers; stops when it is cancelled',
    inputSchema: {
      type: 'object',
      properties: { steps: { type: 'integer', minimum: 1 }, wait_ms: { type: 'integer', minimum: 0 } },
    },
    call: async ({ args, progress, signal, world }) => {
      const { steps = 3, wait_ms = STEP_MS } = args as { steps?: number; wait_ms?: number }
      for (let step = 1; step <= steps; step++) {
        await progress(step, steps)
        await wait(wait_ms, undefined, { signal }).catch((error: unknown) => {
          world.noteCancellation()
          throw error
        })
      }
      return text(`${steps} steps`)
    },
  },
  asks('ask_name', {
    message: () => 'What is your name?',
    requestedSchema: objectOf({ name: { type: 'string' } }),
    answer: ({ action, content }) =>
      action === 'accept' ? `Hello, ${String(content?.name)}!` : `No name: ${action}`,
  }),
  {
    name: 'list_roots',
    description: "Answers with the client's roots",
    inputSchema: noArguments,
    questions: () => ({ roots: { method: 'roots/list' } }),
    call: ({ answers }) => {
      const { roots = [] } = answers.roots as { roots?: { uri: string }[] }
      return text(`Roots: ${roots.map(({ uri }) => uri).join(', ')}`)
    },
  },
  {
    name: 'log_messages',
    description: 'Logs `count` messages of a level, at once',
    inputSchema: {
      type: 'object',
      properties: {
        level: { type: 'string', enum: ['debug', 'info', 'warning', 'error'] },
        count: { type: 'integer', minimum: 0 },
      },
    },
    call: async ({ args, log }) => {
      const { level = 'info', count = 1 } = args as {
        level?: 'debug' | 'info' | 'warning' | 'error'
        count?: number
      }
      for (let i = 1; i <= count; i++) await log(level, `message ${i}`)
      return text(`${count} messages`)
    },
  },
  changes('touch_resource', 'Changes the watched resource', (world) => world.touchResource()),
  changes('test_trigger_tool_change', 'Changes the list of tools', (world) => world.changeTools()),
  changes('test_trigger_prompt_change', 'Changes the list of prompts', (world) => world.changePrompts()),
]

function changes(name: string, description: string, change: (world: World) => void): Tool {
  return {
    name,
    description,
    inputSchema: noArguments,
    call: ({ world }) => {
      change(world)
      return text('Changed')
    },
  }
}
