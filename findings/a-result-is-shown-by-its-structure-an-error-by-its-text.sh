#!/bin/sh
# Claude Code shows its model the structure of a result instead of its text, and the text of an error instead of its structure.
#
# Package   @anthropic-ai/claude-code 2.1.332
# Guess     The model sees `content`, as the specification describes it; `structuredContent` is for programs. Or else: whichever part
#           it prefers, it prefers in results and errors alike.
# Seen      Where both are there, the model is shown structuredContent alone when the call succeeded, and content alone when isError
#           is true. A server that puts a sentence in one and numbers in the other loses the one or the other by how the call ended:
#           it has to say everything in both.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer; the model is a stand-in on loopback, and no account is used.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}' > package.json
npm install --no-audit --no-fund --loglevel=error --save-exact @anthropic-ai/claude-code@2.1.332 > /dev/null

cat > look.js <<'JS'
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const listen = (answer) =>
  new Promise((resolve) => {
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      answer(request, text === '' ? {} : JSON.parse(text), response)
    })
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
  })
const json = (response, body) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

// The MCP server: two tools, whose text and structure say something else.
const tools = ['works', 'fails'].map((name) => ({ name, description: name, inputSchema: { type: 'object' } }))
const mcp = await listen((request, { id, method, params }, response) => {
  const results = {
    initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } },
    'tools/list': { tools },
    'tools/call': {
      content: [{ type: 'text', text: 'THE-TEXT' }],
      structuredContent: { said: 'THE-STRUCTURE' },
      isError: params?.name === 'fails',
    },
  }
  if (request.method !== 'POST') return response.writeHead(405).end()
  if (id === undefined) return response.writeHead(202).end()
  if (results[method] === undefined) return json(response, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
  json(response, { jsonrpc: '2.0', id, result: results[method] })
})

// The model: calls one tool, then the other, and keeps what it is shown of them.
const shown = {}
let messages = 0
const model = await listen((request, body, response) => {
  const offered = (body.tools ?? []).map(({ name }) => name)
  if (!offered.includes('mcp__lab__works')) return json(response, message(body, { type: 'text', text: 'Done.' }))
  for (const { content } of body.messages)
    for (const block of Array.isArray(content) ? content : [])
      if (block.type === 'tool_result') shown[block.tool_use_id] = JSON.stringify(block.content)
  const next = ['works', 'fails'].find((name) => shown[name] === undefined)
  const block =
    next === undefined
      ? { type: 'text', text: 'Done.' }
      : { type: 'tool_use', id: next, name: `mcp__lab__${next}`, input: {} }
  body.stream ? stream(response, body, block) : json(response, message(body, block))
})
const message = ({ model }, block) => ({
  id: `msg_${++messages}`, type: 'message', role: 'assistant', model, content: [block], stop_sequence: null,
  stop_reason: block.type === 'text' ? 'end_turn' : 'tool_use', usage: { input_tokens: 1, output_tokens: 1 },
})
const stream = (response, body, block) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const { content: _, stop_reason, ...rest } = message(body, block)
  const isText = block.type === 'text'
  const events = [
    { type: 'message_start', message: { ...rest, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: isText ? { ...block, text: '' } : block },
    { type: 'content_block_delta', index: 0, delta: isText ? { type: 'text_delta', text: block.text } : { type: 'input_json_delta', partial_json: '{}' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } },
    { type: 'message_stop' },
  ]
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  response.end()
}

mkdirSync('home')
writeFileSync('mcp.json', JSON.stringify({ mcpServers: { lab: { type: 'http', url: `${mcp}/mcp` } } }))
const claude = spawn(
  'node_modules/.bin/claude',
  ['-p', 'Go.', '--mcp-config', 'mcp.json', '--strict-mcp-config', '--allowedTools', 'mcp__lab'],
  {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      HOME: `${process.cwd()}/home`,
      ANTHROPIC_BASE_URL: model,
      ANTHROPIC_API_KEY: 'none',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      ENABLE_TOOL_SEARCH: 'false',
    },
  },
)
const timer = setTimeout(() => claude.kill(), 90_000)
await new Promise((resolve) => claude.once('close', resolve))
clearTimeout(timer)
console.log(`success: ${shown.works}\nerror:   ${shown.fails}`)
const says = (text, part, not) => text?.includes(part) && !text.includes(not)
process.exit(says(shown.works, 'THE-STRUCTURE', 'THE-TEXT') && says(shown.fails, 'THE-TEXT', 'THE-STRUCTURE') ? 0 : 1)
JS
node look.js
