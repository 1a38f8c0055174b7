/**
 * Reference servers on the SDK that speaks every revision, `@modelcontextprotocol/server`: one of the stateless
 * era alone, and one that speaks both eras at one URL.
 */
import {
  createMcpHandler,
  fromJsonSchema,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  isLegacyRequest,
  type McpHttpHandler,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type ServerContext,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { capabilities, implementation, type Reference } from './reference.ts'
import { completionsOf, listed, promptsOf, readResource, resources, resourceTemplates } from './resources.ts'
import { serve } from './serve.ts'
import { newSessions } from './sessions.ts'
import { askingPrompt, stateCodec, statelessTools } from './stateless-tools.ts'
import { type Answers, noArguments, type Question, type Tool, type ToolResult } from './tool.ts'
import { passingTool, tools } from './tools.ts'
import { newWorld, type World } from './world.ts'

/**
 * Starts one that refuses whatever is not of the stateless era. It answers with JSON where it can, or with a
 * stream every time.
 */
export async function startStatelessEra(options: { responseMode?: 'auto' | 'sse' } = {}): Promise<Reference> {
  const world = newWorld()
  const handler = statelessHandler(world, options.responseMode)
  const { origin, requests, stop } = await serve((request) => handler.fetch(request))
  return {
    url: `${origin}/mcp`,
    world,
    requests,
    stop: async () => {
      await handler.close()
      await stop()
    },
  }
}

/** Starts one that speaks both eras at one URL, the session era with sessions. */
export async function startBothEras(): Promise<Reference> {
  const world = newWorld()
  const handler = statelessHandler(world)
  const sessions = newSessions(async (options) => {
    const transport = new WebStandardStreamableHTTPServerTransport(options)
    await sessionServerOf(world).connect(transport)
    return transport
  })
  const { origin, requests, stop } = await serve(async (request) =>
    (await isLegacyRequest(request)) ? sessions.handle(request) : handler.fetch(request),
  )
  return {
    url: `${origin}/mcp`,
    world,
    requests,
    stop: async () => {
      await Promise.all([sessions.stop(), handler.close()])
      await stop()
    },
  }
}

function statelessHandler(world: World, responseMode: 'auto' | 'sse' = 'auto'): McpHttpHandler {
  const handler = createMcpHandler(() => serverOf(world).server, { legacy: 'reject', responseMode })
  world.onChange((change) => {
    if (change.kind === 'tools') handler.notify.toolsChanged()
    else if (change.kind === 'prompts') handler.notify.promptsChanged()
    else handler.notify.resourceUpdated(change.uri)
  })
  return handler
}

/** The server of one session of the session era: it lives on, so it has to follow what changes. */
function sessionServerOf(world: World): McpServer {
  const { server, passing } = serverOf(world)
  const subscribed = new Set<string>()
  server.server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    subscribed.add(uri)
    return {}
  })
  server.server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscribed.delete(uri)
    return {}
  })
  server.server.onclose = world.onChange((change) => {
    // Tells the client itself.
    if (change.kind === 'tools') passing.update({ enabled: world.hasPassingTool })
    else if (change.kind === 'prompts') void server.server.sendPromptListChanged().catch(() => {})
    else if (subscribed.has(change.uri)) {
      void server.server.sendResourceUpdated({ uri: change.uri }).catch(() => {})
    }
  })
  return server
}

/** A server, and its tool that comes and goes. */
function serverOf(world: World) {
  const server = new McpServer(implementation, { capabilities, requestState: { verify: stateCodec.verify } })
  // Through the registry, because that is where the SDK looks for arguments that belong into headers.
  for (const tool of tools) register(server, tool, world)
  for (const { name, description, call } of statelessTools) {
    server.registerTool(name, { description, inputSchema: schemaOf(noArguments) }, (_, context) =>
      call(context),
    )
  }
  const passing = register(server, passingTool, world)
  if (!world.hasPassingTool) passing.disable()

  const { server: inner } = server
  inner.setRequestHandler('resources/list', () => ({ resources }))
  inner.setRequestHandler('resources/templates/list', () => ({ resourceTemplates }))
  inner.setRequestHandler('resources/read', ({ params: { uri } }) => {
    const contents = readResource(uri, world)
    if (contents === null) throw new ResourceNotFoundError(uri)
    return { contents: [contents] }
  })
  inner.setRequestHandler('prompts/list', () => {
    const { name, description } = askingPrompt
    return { prompts: [...promptsOf(world).map(listed), { name, description }] }
  })
  inner.setRequestHandler('prompts/get', ({ params }, { mcpReq }) => {
    if (params.name === askingPrompt.name) return askingPrompt.get(mcpReq)
    const prompt = promptsOf(world).find(({ name }) => name === params.name)
    if (prompt === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Prompt ${params.name} not found`)
    }
    return { messages: prompt.messages(params.arguments ?? {}) }
  })
  inner.setRequestHandler('completion/complete', ({ params: { argument } }) => ({
    completion: completionsOf(argument.value),
  }))
  return { server, passing }
}

function register(server: McpServer, tool: Tool, world: World) {
  const { name, description, inputSchema } = tool
  return server.registerTool(name, { description, inputSchema: schemaOf(inputSchema) }, (args, context) =>
    callTool(tool, args as Record<string, unknown>, context, world),
  )
}

const schemas = new Map<object, ReturnType<typeof fromJsonSchema>>()

/** Compiled once: a stateless server is made anew for every request. */
function schemaOf(schema: Tool['inputSchema']): ReturnType<typeof fromJsonSchema> {
  const known = schemas.get(schema) ?? fromJsonSchema(schema)
  schemas.set(schema, known)
  return known
}

/** Asks first, calls once everything is answered. In the session era the SDK does the asking. */
async function callTool(
  tool: Tool,
  args: Readonly<Record<string, unknown>>,
  context: ServerContext,
  world: World,
): Promise<ToolResult | InputRequiredResult> {
  const { mcpReq, http } = context
  const answers = (mcpReq.inputResponses ?? {}) as Answers
  const questions = Object.entries(tool.questions?.(args) ?? {})
  const inputRequests: InputRequests = Object.fromEntries(
    questions.filter(([name]) => !(name in answers)).map(([name, question]) => [name, embedded(question)]),
  )
  if (Object.keys(inputRequests).length > 0) return inputRequired({ inputRequests })
  const progressToken = mcpReq._meta?.progressToken
  return tool.call({
    args,
    answers,
    world,
    signal: mcpReq.signal,
    progress: async (progress, total) => {
      if (progressToken === undefined) return
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } })
    },
    log: (level, data) => mcpReq.log(level, data),
    endStream: () => http?.closeSSE?.(),
  })
}

function embedded(question: Question): InputRequests[string] {
  switch (question.method) {
    case 'elicitation/create':
      return inputRequired.elicit(question.params as never)
    case 'sampling/createMessage': {
      const { prompt, maxTokens } = question.params
      const content = { type: 'text' as const, text: prompt }
      return inputRequired.createMessage({ messages: [{ role: 'user', content }], maxTokens })
    }
    case 'roots/list':
      return inputRequired.listRoots()
  }
}
