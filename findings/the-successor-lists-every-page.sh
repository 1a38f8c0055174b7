#!/bin/sh
# The same listTools() reads one page in the TypeScript SDK, and every page in its successor.
#
# Packages  @modelcontextprotocol/sdk 1.32.2 and @modelcontextprotocol/client 2.4.0, both in the session era
# Guess     A method of the same name with the same arguments asks the same of the server.
# Seen      1.32.2 returns the first page and nextCursor; 2.4.0 follows the cursor until the end. A server that lists in pages shows
#           its tools to one agent and a part of them to another. A gateway that merges lists should have what every agent needs
#           on the first page.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer; listens on loopback alone.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}' > package.json
npm install --no-audit --no-fund --loglevel=error --save-exact \
  @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0 > /dev/null

cat > look.js <<'JS'
import { createServer } from 'node:http'
import { Client as Successor, StreamableHTTPClientTransport as SuccessorTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const tool = (name) => ({ name, inputSchema: { type: 'object' } })
const answers = {
  initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }),
  'tools/list': ({ cursor } = {}) =>
    cursor === undefined ? { tools: [tool('first')], nextCursor: 'more' } : { tools: [tool('second')] },
}
const server = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const { id, method, params } = text === '' ? {} : JSON.parse(text)
  const result = answers[method]?.(params)
  response.writeHead(request.method !== 'POST' ? 405 : result === undefined ? 202 : 200, { 'content-type': 'application/json' })
  response.end(result === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result }))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = new URL(`http://127.0.0.1:${server.address().port}/mcp`)

const names = async (client, transport) => {
  await client.connect(transport)
  return (await client.listTools()).tools.map(({ name }) => name).join(' ')
}
const one = await names(new Client({ name: 'c', version: '1' }), new StreamableHTTPClientTransport(url))
const two = await names(new Successor({ name: 'c', version: '1' }), new SuccessorTransport(url))
console.log(`sdk 1.32.2:   ${one}\nclient 2.4.0: ${two}`)
process.exit(one === 'first' && two === 'first second' ? 0 : 1)
JS
node look.js
