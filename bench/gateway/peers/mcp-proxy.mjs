/** The library of mcp-proxy from HTTP to HTTP, as its page shows it: its command takes servers on stdio alone. Runs where it is installed. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Server } from '@modelcontextprotocol/server'
import { proxyServer, startHTTPServer } from 'mcp-proxy'

const [port, upstream] = process.argv.slice(2)
const client = new Client({ name: 'bench', version: '1' })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))
const serverCapabilities = client.getServerCapabilities()
await startHTTPServer({
  host: '127.0.0.1',
  port: Number(port),
  createServer: async () => {
    const server = new Server(client.getServerVersion(), { capabilities: serverCapabilities })
    await proxyServer({ client, server, serverCapabilities })
    return server
  },
})
