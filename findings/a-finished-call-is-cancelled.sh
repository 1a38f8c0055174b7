#!/bin/sh
# A call that has been answered is cancelled all the same, when its signal aborts later.
#
# Package   @modelcontextprotocol/sdk 1.32.2, the client
# Guess     An AbortSignal that aborts after its call was answered does nothing, as with fetch.
# Seen      The client sends notifications/cancelled for the finished request. Programs that abort a controller to clean up
#           send one after every call (OpenCode 1.18.33 does). A server or gateway must not take it for a sign that anything is wrong, nor
#           pass it on under an id that by then means another request.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}' > package.json
npm install --no-audit --no-fund --loglevel=error --save-exact @modelcontextprotocol/sdk@1.32.2 > /dev/null

cat > look.js <<'JS'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const server = new Server({ name: 's', version: '1' }, { capabilities: { tools: {} } })
server.setRequestHandler(CallToolRequestSchema, () => ({ content: [{ type: 'text', text: 'done' }] }))
const client = new Client({ name: 'c', version: '1' })
const [near, far] = InMemoryTransport.createLinkedPair()
const sent = []
const send = near.send.bind(near)
near.send = (message, options) => {
  sent.push(message)
  return send(message, options)
}
await Promise.all([server.connect(far), client.connect(near)])

const controller = new AbortController()
const result = await client.callTool({ name: 'x', arguments: {} }, undefined, { signal: controller.signal })
console.log('answered:', result.content[0].text)
controller.abort()
await new Promise((resolve) => setTimeout(resolve, 100))

const call = sent.find(({ method }) => method === 'tools/call')
const cancelled = sent.find(({ method }) => method === 'notifications/cancelled')
console.log('sent after it:', JSON.stringify(cancelled))
process.exit(cancelled?.params?.requestId === call.id ? 0 : 1)
JS
node look.js
