/** A reference server of the session era, on the SDK that speaks nothing else: `@modelcontextprotocol/sdk`. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  type LoggingLevel,
  LoggingLevelSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { capabilities, implementation, type Reference } from './reference.ts'
import { completionsOf, listed, promptsOf, readResource, resources, resourceTemplates } from './resources.ts'
import { serve } from './serve.ts'
import { newSessions } from './sessions.ts'
import type { Question, Tool } from './tool.ts'
import { passingTool, tools } from './tools.ts'
import { newWorld, type World } from './world.ts'

/** What the session era says where there is no such resource. */
const RESOURCE_NOT_FOUND = -32002

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Starts one, with sessions, resumable streams and subscriptions. */
export async function startSessionEra(): Promise<Reference> {
  const world = newWorld()
  const sessions = newSessions(async (options) => {
    const transport = new WebStandardStreamableHTTPServerTransport(options)
    const server = serverOf(world)
    // The SDK's own types disagree under exactOptionalPropertyTypes (sessionId?: string | undefined).
    await server.connect(transport as unknown as Parameters<typeof server.connect>[0])
    return transport
  })
  const { origin, requests, stop } = await serve(sessions.handle)
  return {
    url: `${origin}/mcp`,
    world,
    requests,
    stop: async () => {
      await sessions.stop()
      await stop()
    },
  }
}

/** The server of one session. */
function serverOf(world: World): Server {
  const server = new Server(implementation, { capabilities })
  const subscribed = new Set<string>()
  let level: LoggingLevel = 'debug'

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: toolsOf(world).map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = toolsOf(world).find(({ name }) => name === params.name)
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `Tool ${params.name} not found`)
    return { ...(await callTool(tool, params.arguments ?? {}, extra, world, () => level)) }
  })
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const contents = readResource(uri, world)
    if (contents === null) throw new McpError(RESOURCE_NOT_FOUND, 'Resource not found', { uri })
    return { contents: [contents] }
  })
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.add(uri)
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri)
    return {}
  })
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: promptsOf(world).map(listed) }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = promptsOf(world).find(({ name }) => name === params.name)
    if (prompt === undefined) throw new McpError(ErrorCode.InvalidParams, `Prompt ${params.name} not found`)
    return { messages: prompt.messages(params.arguments ?? {}) }
  })
  server.setRequestHandler(CompleteRequestSchema, ({ params: { argument } }) => ({
    completion: completionsOf(argument.value),
  }))
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    level = params.level
    return {}
  })

  const stopListening = world.onChange((change) => {
    // A session without a stream of its own hears of nothing, as the protocol has it.
    if (change.kind === 'tools') void server.sendToolListChanged().catch(() => {})
    else if (change.kind === 'prompts') void server.sendPromptListChanged().catch(() => {})
    else if (subscribed.has(change.uri)) void server.sendResourceUpdated({ uri: change.uri }).catch(() => {})
  })
  server.onclose = stopListening
  return server
}

function toolsOf(world: World): readonly Tool[] {
  return world.hasPassingTool ? [...tools, passingTool] : tools
}

async function callTool(
  tool: Tool,
  args: Readonly<Record<string, unknown>>,
  extra: Extra,
  world: World,
  level: () => LoggingLevel,
) {
  const answers: Record<string, Record<string, unknown>> = {}
  for (const [name, question] of Object.entries(tool.questions?.(args) ?? {})) {
    answers[name] = await ask(question, extra)
  }
  const progressToken = extra._meta?.progressToken
  return tool.call({
    args,
    answers,
    world,
    signal: extra.signal,
    progress: async (progress, total) => {
      if (progressToken === undefined) return
      const params = { progressToken, progress, total }
      await extra.sendNotification({ method: 'notifications/progress', params })
    },
    log: async (at, data) => {
      const levels = LoggingLevelSchema.options
      if (levels.indexOf(at) < levels.indexOf(level())) return
      await extra.sendNotification({ method: 'notifications/message', params: { level: at, data } })
    },
    endStream: () => extra.closeSSEStream?.(),
  })
}

function ask(question: Question, extra: Extra): Promise<Record<string, unknown>> {
  switch (question.method) {
    case 'elicitation/create': {
      const params = question.params as Extract<ServerRequest, { method: 'elicitation/create' }>['params']
      return extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)
    }
    case 'sampling/createMessage': {
      const { prompt, maxTokens } = question.params
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }]
      const params = { messages, maxTokens }
      return extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema)
    }
    case 'roots/list':
      return extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema)
  }
}
