/**
 * Runs in the folder where the libraries are installed: connects with one of them and does what it is told, a line of
 * JSON for each order and each answer.
 *
 *   node serve.mjs NAME URL TOKEN
 */
import { createInterface } from 'node:readline'

const [name, url, token] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${token}` }

/** Each: connects, and returns how to list and how to call. A result is `{text, isError}`: what its caller gets. */
const libraries = {
  sdk: async () => {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js')
    const { StreamableHTTPClientTransport } = await import(
      '@modelcontextprotocol/sdk/client/streamableHttp.js'
    )
    const client = new Client({ name: 'lab', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
    return protocolClient(client)
  },
  client: () => newClient({}),
  'client-auto': () => newClient({ versionNegotiation: { mode: 'auto' } }),
  'ai-sdk': async () => {
    const { createMCPClient } = await import('@ai-sdk/mcp')
    const client = await createMCPClient({ transport: { type: 'http', url, headers } })
    return {
      list: async () => Object.keys(await client.tools()),
      call: async (tool, args) => {
        const tools = await client.tools()
        const result = await tools[tool].execute(args, { toolCallId: 'lab', messages: [] })
        return shown(result)
      },
      close: () => client.close(),
    }
  },
  langchain: async () => {
    const { MultiServerMCPClient } = await import('@langchain/mcp-adapters')
    const client = new MultiServerMCPClient({
      mcpServers: { gatehouse: { transport: 'http', url, headers } },
      prefixToolNameWithServerName: false,
    })
    // Taken once, as an agent takes them.
    const tools = await client.getTools()
    return {
      list: async () => tools.map((tool) => tool.name),
      call: async (name, args) => {
        const tool = tools.find((it) => it.name === name)
        try {
          return { text: textOf(await tool.invoke(args)), isError: null }
        } catch (error) {
          if (error?.name === 'ToolException') return { text: error.message, isError: true }
          throw error
        }
      },
      close: () => client.close(),
    }
  },
  'openai-agents': async () => {
    const { MCPServerStreamableHttp } = await import('@openai/agents')
    const server = new MCPServerStreamableHttp({ url, name: 'gatehouse', requestInit: { headers } })
    await server.connect()
    return {
      list: async () => (await server.listTools()).map((tool) => tool.name),
      call: async (tool, args) => ({
        text: textOf(JSON.parse(JSON.stringify(await server.callTool(tool, args)))),
        isError: null,
      }),
      close: () => server.close(),
    }
  },
  mastra: async () => {
    const { MCPClient } = await import('@mastra/mcp')
    const client = new MCPClient({
      id: 'lab',
      servers: { gatehouse: { url: new URL(url), requestInit: { headers } } },
      timeout: 20_000,
    })
    const tools = await client.listTools()
    return {
      list: async () => Object.keys(tools),
      // A tool error is thrown, in the words of its text.
      call: (name, args) =>
        tools[`gatehouse_${name}`]
          .execute(args, {})
          .then(shown, (error) => ({ text: error.message, isError: true })),
      close: () => client.disconnect(),
    }
  },
}

async function newClient(options) {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const client = new Client({ name: 'lab', version: '1' }, options)
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  return protocolClient(client)
}

function protocolClient(client) {
  return {
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args) => shown(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  }
}

function shown(result) {
  const isError =
    typeof result?.isError === 'boolean' ? result.isError : result?.structuredContent ? false : null
  const both = [
    textOf(result?.content ?? (result?.structuredContent ? '' : result)),
    result?.structuredContent && JSON.stringify(result.structuredContent),
  ]
  return { text: both.filter(Boolean).join('\n'), isError }
}

function textOf(value) {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join('\n')
  if (typeof value?.text === 'string') return value.text
  return value === undefined ? '' : JSON.stringify(value)
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const library = await libraries[name]()
say({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, tool, args } = JSON.parse(line)
  try {
    if (op === 'list') say({ id, result: await library.list() })
    else if (op === 'call') say({ id, result: await library.call(tool, args) })
    else {
      await library.close()
      say({ id, result: null })
      break
    }
  } catch (error) {
    say({ id, error: `${error?.name ?? 'Error'}: ${error?.message ?? error}` })
  }
}
process.exit(0)
