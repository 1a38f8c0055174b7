#!/bin/sh
# A server that offers "remote" use over HTTP takes one connection for as long as it runs.
#
# Package   @circleci/mcp-server-circleci 0.20.0, start=remote
# Guess     A server over Streamable HTTP serves several clients, one after another at least.
# Seen      The second initialize is answered HTTP 500, -32603 "Already connected to a transport", whoever sends it and however long
#           after the first. No session is issued, so there is none to end. Each agent needs a process of its own, or a bridge
#           that starts one for each session.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer; asks nothing of CircleCI.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}' > package.json
npm install --no-audit --no-fund --loglevel=error --save-exact @circleci/mcp-server-circleci@0.20.0 > /dev/null

cat > look.js <<'JS'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})
const server = spawn(process.execPath, ['node_modules/@circleci/mcp-server-circleci/dist/index.js'], {
  env: { ...process.env, start: 'remote', port: String(port), CIRCLECI_TOKEN: 'none', DISABLE_TELEMETRY: 'true' },
  stdio: 'ignore',
})
const url = `http://127.0.0.1:${port}/mcp`
const headers = { authorization: 'Bearer none', accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
const initialize = async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) })
  return { status: response.status, session: response.headers.get('mcp-session-id'), text: await response.text() }
}
const ready = async () => {
  for (let i = 0; i < 200; i++) {
    if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not start')
}
let code = 1
try {
  await ready()
  const first = await initialize()
  const second = await initialize()
  console.log(`first: ${first.status}, session: ${first.session}\nsecond: ${second.status} ${second.text.slice(0, 160)}`)
  code = first.status === 200 && first.session === null && second.status === 500 && second.text.includes('Already connected') ? 0 : 1
} finally {
  server.kill()
}
process.exit(code)
JS
node look.js
