/** A server that is written with the framework fastmcp, as its users write one. Runs where fastmcp is installed. */
import { FastMCP, UserError } from 'fastmcp'
import { z } from 'zod'

const server = new FastMCP({ name: 'lab', version: '1.0.0' })
server.addTool({
  name: 'add',
  description: 'Adds two numbers',
  parameters: z.object({ a: z.number(), b: z.number() }),
  annotations: { readOnlyHint: true },
  execute: async ({ a, b }) => String(a + b),
})
server.addTool({
  name: 'fail',
  description: 'Fails with words for its user',
  execute: async () => {
    throw new UserError('That is not possible.')
  },
})
server.addTool({
  name: 'several',
  description: 'Answers in several blocks',
  execute: async () => ({
    content: [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ],
  }),
})
await server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(process.argv[2]), host: '127.0.0.1' },
})
