/**
 * Real clients of both eras, as people have them, behind one interface: the SDK that stops at the session era,
 * and its successor, which finds out by itself what a server speaks. Both can be asked for input, and keep what
 * they were told and asked.
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as SessionEraClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as SessionEraTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from '@modelcontextprotocol/sdk/types.js'

import {
  answering,
  capabilitiesOf,
  fetchWithStream,
  headersOf,
  type Json,
  overheard,
  type SdkClient,
  type SdkClientOptions,
  sdkOptions,
  toolAnswer,
} from './sdk-client.ts'

const identity = { name: 'gatehouse-test', version: '1' }

/** Connects a client that speaks the session era alone. */
export async function connectSessionEra(
  url: string,
  options: SdkClientOptions = {},
): Promise<SdkClient & { readonly sdk: SessionEraClient }> {
  const { asked, questions } = answering(options)
  const can = capabilitiesOf(options)
  const client = new SessionEraClient(identity, { capabilities: can })
  if (can.elicitation !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => asked.elicit(params))
  if (can.sampling !== undefined)
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => asked.sample(params))
  if (can.roots !== undefined)
    client.setRequestHandler(ListRootsRequestSchema, ({ params }) => asked.roots(params))
  const stream = fetchWithStream()
  const transport = new SessionEraTransport(new URL(url), {
    fetch: stream.fetch,
    requestInit: { headers: headersOf(options) },
  })
  // The SDK's own types disagree under exactOptionalPropertyTypes (sessionId?: string | undefined).
  await client.connect(transport as unknown as Parameters<typeof client.connect>[0])
  const notifications = overheard(transport)

  return {
    sdk: client,
    era: 'session',
    protocolVersion: transport.protocolVersion,
    get sessionId() {
      return transport.sessionId
    },
    notifications,
    questions,
    callTool: async (name, args = {}, call) =>
      toolAnswer(await client.callTool({ name, arguments: { ...args } }, undefined, sdkOptions(call))),
    request: async (method, params = {}, call) =>
      client.request({ method, params: { ...params } } as never, ResultSchema, sdkOptions(call)),
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    watch: async ({ resources = [] }) => {
      await stream.opened
      // Lists are told of without asking.
      for (const uri of resources) await client.subscribeResource({ uri })
      return async () => {
        for (const uri of resources) await client.unsubscribeResource({ uri })
      }
    },
    setLogLevel: async (level) => {
      await client.setLoggingLevel(level)
    },
    close: () => client.close(),
    end: async () => {
      await transport.terminateSession()
      await client.close()
    },
  }
}

/** Connects a client that speaks the stateless era, or the session era with a server that knows nothing else. */
export async function connectStatelessEra(
  url: string,
  options: SdkClientOptions = {},
): Promise<SdkClient & { readonly sdk: Client }> {
  const { asked, questions } = answering(options)
  const can = capabilitiesOf(options)
  const client = new Client(identity, { capabilities: can, versionNegotiation: { mode: 'auto' } })
  if (can.elicitation !== undefined)
    client.setRequestHandler('elicitation/create', ({ params }) => asked.elicit(params))
  if (can.sampling !== undefined)
    client.setRequestHandler('sampling/createMessage', ({ params }) => asked.sample(params))
  if (can.roots !== undefined) client.setRequestHandler('roots/list', ({ params }) => asked.roots(params))
  const stream = fetchWithStream()
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: stream.fetch,
    requestInit: { headers: headersOf(options) },
  })
  await client.connect(transport)
  const notifications = overheard(transport)
  const era = client.getProtocolEra() === 'modern' ? 'stateless' : 'session'
  let meta: Json = {}

  return {
    sdk: client,
    era,
    protocolVersion: client.getNegotiatedProtocolVersion(),
    get sessionId() {
      return transport.sessionId
    },
    notifications,
    questions,
    callTool: async (name, args = {}, call) =>
      toolAnswer(
        await client.callTool({ name, arguments: { ...args }, _meta: { ...meta } }, sdkOptions(call)),
      ),
    request: async (method, params = {}, call) =>
      client.request({ method, params: { ...params } } as never, sdkOptions(call)) as Promise<Json>,
    toolNames: async () =>
      (await client.listTools(undefined, { cacheMode: 'refresh' })).tools.map(({ name }) => name),
    watch: async ({ tools = false, prompts = false, resources = [] }) => {
      if (era === 'session') {
        await stream.opened
        for (const uri of resources) await client.subscribeResource({ uri })
        return async () => {
          for (const uri of resources) await client.unsubscribeResource({ uri })
        }
      }
      const subscription = await client.listen({
        ...(tools ? { toolsListChanged: true } : {}),
        ...(prompts ? { promptsListChanged: true } : {}),
        ...(resources.length > 0 ? { resourceSubscriptions: [...resources] } : {}),
      })
      return () => subscription.close()
    },
    setLogLevel: async (level) => {
      if (era === 'session') await client.setLoggingLevel(level)
      // There is no state to keep it, so every call says it anew.
      else meta = { 'io.modelcontextprotocol/logLevel': level }
    },
    close: () => client.close(),
    end: async () => {
      if (era === 'session') await transport.terminateSession()
      await client.close()
    },
  }
}
