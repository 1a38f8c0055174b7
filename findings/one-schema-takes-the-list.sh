#!/bin/sh
# One tool's outputSchema that refers to another document costs a client every tool of the server.
#
# Packages  @modelcontextprotocol/sdk 1.32.2 and @modelcontextprotocol/client 2.4.0, both in the session era
# Guess     A client checks a result by the tool's outputSchema when it calls that tool. A schema with "$ref" to a public schema is valid, and
#           the worst it can do is to make its own tool unusable.
# Seen      1.32.2 compiles all schemas while it reads the list, and listTools() throws: the other tools are lost as well. 2.4.0 lists
#           both tools and refuses to call the one. A gateway that merges the lists of several servers should keep such a schema from clients.
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

const inputSchema = { type: 'object' }
const referring = { type: 'object', properties: { place: { $ref: 'https://geojson.org/schema/Point.json' } } }
const tools = [
  { name: 'plain', inputSchema },
  { name: 'referring', inputSchema, outputSchema: referring },
]
const answers = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } },
  'tools/list': { tools },
  'tools/call': { content: [], structuredContent: { place: {} } },
}
const server = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const { id, method } = text === '' ? {} : JSON.parse(text)
  const result = answers[method]
  response.writeHead(request.method !== 'POST' ? 405 : result === undefined ? 202 : 200, { 'content-type': 'application/json' })
  response.end(result === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result }))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = new URL(`http://127.0.0.1:${server.address().port}/mcp`)

const said = async (work) => {
  try {
    return await work()
  } catch (error) {
    return error.message
  }
}
const look = async (client, transport) => {
  await client.connect(transport)
  return {
    list: await said(async () => (await client.listTools()).tools.map(({ name }) => name).join(' ')),
    call: await said(async () => (await client.callTool({ name: 'referring' }), 'called')),
  }
}
const one = await look(new Client({ name: 'c', version: '1' }), new StreamableHTTPClientTransport(url))
const two = await look(new Successor({ name: 'c', version: '1' }), new SuccessorTransport(url))
console.log('sdk 1.32.2:  ', one, '\nclient 2.4.0:', two)
const isSo =
  one.list.includes("can't resolve reference") && two.list === 'plain referring' && two.call.includes('invalid outputSchema')
process.exit(isSo ? 0 : 1)
JS
node look.js
