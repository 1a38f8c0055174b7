/** A server of the framework fastmcp whose tool calls the upstream, for it has no proxy of its own. Runs where it is installed. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { FastMCP } from 'fastmcp'
import { z } from 'zod'

const [port, upstream] = process.argv.slice(2)
const client = new Client({ name: 'bench', version: '1' })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))
const server = new FastMCP({ name: 'bench', version: '1.0.0' })
server.addTool({
  name: 'echo',
  description: 'Says the text again.',
  parameters: z.object({ text: z.string() }),
  execute: async (args) => client.callTool({ name: 'echo', arguments: args }),
})
await server.start({ transportType: 'httpStream', httpStream: { host: '127.0.0.1', port: Number(port) } })
