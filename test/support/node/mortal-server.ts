/** Run as a process of its own, so that it can be killed: a server whose answers begin and never end. It prints its URL. */
import type { Era } from './mcp-agent.ts'
import { startScripted, stream } from './scripted.ts'

const [era, form] = process.argv.slice(2) as [Era, 'json' | 'events']
const progress = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'on' } }

const { url } = await startScripted(era, ({ body }, response) => {
  if (body?.method !== 'tools/call') return false
  if (form === 'events') return stream(response, progress)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write('{"jsonrpc":"2.0",')
  return true
})
console.log(url)
