/** A client of the stateless era and a server of the session era: what becomes of messages between them. */
import { expect, test } from 'vitest'
import {
  acknowledged,
  answerForStateless,
  callOf,
  changeForStateless,
  discovery,
  honoured,
  type Leg,
  legOf,
  noteForStateless,
  notificationFilterOf,
  questionForStateless,
  requestForSession,
} from '../../src/eras/for-session.ts'

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const request = (params: Readonly<Record<string, unknown>>, method = 'tools/call') =>
  ({ jsonrpc: '2.0', id: 7, method, params }) as const
const leg = (more: Partial<Leg> = {}): Leg => ({
  id: 7,
  method: 'tools/call',
  progressToken: null,
  logLevel: null,
  ...more,
})

test('a request loses what only its own era says, and gets an id and a token of ours', () => {
  const params = {
    name: 't',
    arguments: { a: 1 },
    task: { ttl: 1 },
    inputResponses: { x: {} },
    requestState: 's',
    _meta: {
      ...envelope,
      'io.modelcontextprotocol/logLevel': 'info',
      progressToken: 'mine',
      'com.example/x': 1,
    },
  }
  expect(requestForSession(request(params), 'ours')).toEqual({
    jsonrpc: '2.0',
    id: 'ours',
    method: 'tools/call',
    params: { name: 't', arguments: { a: 1 }, _meta: { progressToken: 'ours', 'com.example/x': 1 } },
  })
  expect(requestForSession(request({ name: 't', _meta: envelope }), 'ours').params).toEqual({ name: 't' })
})

test('what a client wants to hear is read from its request', () => {
  const meta = { progressToken: 0, 'io.modelcontextprotocol/logLevel': 'info' }
  expect(legOf(request({ _meta: meta }))).toEqual(leg({ progressToken: 0, logLevel: 'info' }))
  expect(
    legOf(request({ _meta: { progressToken: {}, 'io.modelcontextprotocol/logLevel': 'loud' } })),
  ).toEqual(leg())
})

test('the same call is the same however it is spoken of', () => {
  const call = { name: 't', arguments: { a: 1 } }
  const again = { ...call, _meta: { progressToken: 2 }, inputResponses: {}, requestState: 's' }
  expect(callOf('crm', request(again))).toEqual(callOf('crm', request(call)))
  expect(callOf('other', request(call))).not.toEqual(callOf('crm', request(call)))
  expect(callOf('crm', request({ ...call, cursor: 'x' }))).not.toEqual(callOf('crm', request(call)))
})

test('results say what they are and, where that is asked for, how long they may be kept', () => {
  const message = {
    jsonrpc: '2.0',
    id: 'ours',
    result: { content: [], _meta: { 'com.example/x': 1 } },
  } as const
  expect(answerForStateless(message, leg(), {})).toEqual({
    jsonrpc: '2.0',
    id: 7,
    result: { content: [], resultType: 'complete', _meta: { 'com.example/x': 1 } },
  })
  for (const method of [
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
  ])
    expect(answerForStateless(message, leg({ method }), {}).result).toMatchObject({
      ttlMs: 0,
      cacheScope: 'private',
    })
  const spoofed = { jsonrpc: '2.0', id: 'ours', result: { resultType: 'input_required' } } as const
  expect(answerForStateless(spoofed, leg(), {}).result).toEqual({ resultType: 'complete' })
})

test('errors keep what they say; a missing resource has the code of the newer era', () => {
  const error = { code: -32002, message: 'Resource not found', data: { uri: 'x:y' } }
  expect(answerForStateless({ jsonrpc: '2.0', id: 'ours', error }, leg(), {})).toEqual({
    jsonrpc: '2.0',
    id: 7,
    error: { ...error, code: -32602 },
  })
})

test('pages that the user has to visit first are asked for', () => {
  const data = {
    elicitations: [{ mode: 'url', elicitationId: 'e', url: 'https://x.example', message: 'Sign in' }],
  }
  const message = { jsonrpc: '2.0', id: 'ours', error: { code: -32042, message: 'Sign in', data } } as const
  expect(answerForStateless(message, leg(), { elicitation: { url: {} } }).result).toEqual({
    resultType: 'input_required',
    inputRequests: {
      page1: {
        method: 'elicitation/create',
        params: { mode: 'url', url: 'https://x.example', message: 'Sign in' },
      },
    },
  })
  expect(answerForStateless(message, leg(), { elicitation: {} }).error).toMatchObject({ code: -32042 })
})

test('a question loses what only the session era can use', () => {
  const params = {
    message: 'm',
    task: {},
    elicitationId: 'e',
    _meta: { progressToken: 1, 'com.example/x': 1 },
  }
  expect(questionForStateless('elicitation/create', params)).toEqual({
    method: 'elicitation/create',
    params: { message: 'm', _meta: { 'com.example/x': 1 } },
  })
  expect(questionForStateless('roots/list', undefined)).toEqual({ method: 'roots/list' })
})

test('progress is told to whoever asked, under its own token', () => {
  const progress = (progressToken: string) =>
    ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } }) as const
  expect(noteForStateless(progress('ours'), 'ours', leg({ progressToken: 'mine' }))).toMatchObject({
    params: { progressToken: 'mine', progress: 1 },
  })
  expect(noteForStateless(progress('another'), 'ours', leg({ progressToken: 'mine' }))).toBeNull()
  expect(noteForStateless(progress('ours'), 'ours', leg())).toBeNull()
})

test('the log is told from the level that was asked for, or not at all', () => {
  const logged = (level: string) =>
    ({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: 'x' } }) as const
  const told = (level: string, logLevel: string | null) =>
    noteForStateless(logged(level), 'ours', leg({ logLevel })) !== null
  expect(told('warning', 'warning')).toBe(true)
  expect(told('emergency', 'warning')).toBe(true)
  expect(told('notice', 'warning')).toBe(false)
  expect(told('loud', 'debug')).toBe(false)
  expect(told('error', null)).toBe(false)
})

test.each([
  'notifications/tools/list_changed',
  'notifications/tasks/status',
  'notifications/elicitation/complete',
])('%s is nothing to be told on the way', (method) =>
  expect(noteForStateless({ jsonrpc: '2.0', method }, 'ours', leg({ logLevel: 'debug' }))).toBeNull(),
)

test('a server introduces itself as servers of the other era do', () => {
  const initialized = {
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: { listChanged: true },
      logging: {},
      tasks: { list: {} },
      extensions: { 'com.example/x': {} },
    },
    serverInfo: { name: 's', version: '1' },
    instructions: 'Ask nicely',
  }
  expect(discovery(initialized)).toEqual({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true }, logging: {}, extensions: { 'com.example/x': {} } },
    instructions: 'Ask nicely',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } },
  })
})

test('a subscriber hears what it asked for and the server can tell, and nothing else', () => {
  const asked = notificationFilterOf({
    notifications: {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a:1', 'a:1', 7],
    },
  })
  expect(asked).toEqual({ toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['a:1'] })
  expect(honoured(asked, {})).toEqual({ toolsListChanged: true })
  const filter = honoured(asked, { prompts: {}, resources: { subscribe: true } })
  expect(filter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['a:1'] })
  expect(acknowledged('s', filter)).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: filter, _meta: { 'io.modelcontextprotocol/subscriptionId': 's' } },
  })
  const change = (method: string, params?: Record<string, unknown>) =>
    changeForStateless({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }, 's', filter)
  expect(change('notifications/tools/list_changed')).toEqual({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 's' } },
  })
  expect(change('notifications/prompts/list_changed')).toBeNull()
  expect(change('notifications/resources/updated', { uri: 'a:1' })).toMatchObject({ params: { uri: 'a:1' } })
  expect(change('notifications/resources/updated', { uri: 'a:2' })).toBeNull()
  expect(change('notifications/message', { level: 'error', data: 1 })).toBeNull()
})
