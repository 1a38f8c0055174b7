/**
 * The least that an MCP server of both eras can be, as a Worker: what stands in front of it is measured, so it
 * must cost next to nothing. It keeps no sessions; every id is as good as another.
 *
 * `/mcp`: JSON answers. Two tools have longer ones: `large` answers with `arguments.bytes`, and `ticks` with a
 * progress event every `arguments.every_ms`, `arguments.count` of them.
 */
const tools = [
  { name: 'echo', description: 'Says the text again.', inputSchema: { type: 'object' } },
  { name: 'large', description: 'A large result.', inputSchema: { type: 'object' } },
  { name: 'ticks', description: 'A long stream.', inputSchema: { type: 'object' } },
]
const capabilities = { tools: {} }
const serverInfo = { name: 'least', version: '1.0.0' }
const STATELESS = '2026-07-28'
const PIECE = new Uint8Array(65_536).fill(120)

export default {
  async fetch(request) {
    if (request.method === 'DELETE') return new Response(null, { status: 200 })
    if (request.method !== 'POST')
      return new Response(null, { status: 405, headers: { allow: 'POST, DELETE' } })
    const { id, method, params } = await request.json()
    if (id === undefined) return new Response(null, { status: 202 })
    const isStateless = params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined
    const result = (fields) => ({
      jsonrpc: '2.0',
      id,
      result: isStateless ? { ...fields, resultType: 'complete' } : fields,
    })
    switch (method) {
      case 'tools/call':
        if (params.name === 'large') return large(result, params.arguments.bytes)
        if (params.name === 'ticks') return ticks(result, params)
        return Response.json(result({ content: [{ type: 'text', text: params.arguments?.text ?? '' }] }))
      case 'tools/list':
        return Response.json(result({ tools, ...listed(isStateless) }))
      case 'initialize':
        return Response.json(result({ protocolVersion: params.protocolVersion, capabilities, serverInfo }), {
          headers: { 'mcp-session-id': crypto.randomUUID() },
        })
      case 'server/discover':
        return Response.json(result({ supportedVersions: [STATELESS], capabilities, ...listed(isStateless) }))
      case 'ping':
        return Response.json(result({}))
      default:
        return Response.json(
          { jsonrpc: '2.0', id, error: { code: -32601, message: `Method not found: ${method}` } },
          { status: isStateless ? 404 : 200 },
        )
    }
  },
}

function listed(isStateless) {
  return isStateless ? { ttlMs: 60_000, cacheScope: 'private' } : {}
}

/** A text of so many bytes, made while it is read. */
function large(result, bytes) {
  const text = JSON.stringify(result({ content: [{ type: 'text', text: '@' }] }))
  const [before, after] = text.split('@').map((part) => new TextEncoder().encode(part))
  let left = bytes
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(before),
    pull: (controller) => {
      if (left > 0) {
        controller.enqueue(left < PIECE.byteLength ? PIECE.subarray(0, left) : PIECE)
        left -= PIECE.byteLength
      } else {
        controller.enqueue(after)
        controller.close()
      }
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

/** Progress events, and then the answer. */
function ticks(result, { arguments: { count, every_ms: everyMs }, _meta }) {
  const encode = (message) => new TextEncoder().encode(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
  let told = 0
  const body = new ReadableStream({
    pull: async (controller) => {
      if (told < count) {
        if (told > 0) await scheduler.wait(everyMs)
        told += 1
        const params = { progressToken: _meta?.progressToken ?? 'none', progress: told, total: count }
        controller.enqueue(encode({ jsonrpc: '2.0', method: 'notifications/progress', params }))
      } else {
        controller.enqueue(encode(result({ content: [{ type: 'text', text: `${count} ticks` }] })))
        controller.close()
      }
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
