/** A client of the session era and a server of the stateless era: what becomes of messages between them. */
import { expect, test } from 'vitest'
import { canBeAsked, lacking } from '../../src/eras/capabilities.ts'
import {
  answerForSession,
  changeForSession,
  initialization,
  noteForSession,
  questionForSession,
  requestForStateless,
  requiredInputIn,
} from '../../src/eras/for-stateless.ts'
import { isMark, logLevelOf } from '../../src/eras/mark.ts'
import {
  isOurState,
  questionId,
  readQuestionId,
  readRequestState,
  requestStateOf,
} from '../../src/eras/names.ts'

const client = {
  capabilities: { roots: { listChanged: true }, tasks: {} },
  clientInfo: { name: 'c', version: '1' },
}

test('a request says everything of its client', () => {
  const params = {
    name: 't',
    task: { ttl: 1 },
    requestState: 'forged',
    _meta: { progressToken: 3, 'com.example/x': 1 },
  }
  const request = { jsonrpc: '2.0', id: 7, method: 'tools/call', params } as const
  const round = { inputResponses: { q: {} }, requestState: 's' }
  expect(requestForStateless(request, { id: 'ours', client, logLevel: 'info', round })).toEqual({
    jsonrpc: '2.0',
    id: 'ours',
    method: 'tools/call',
    params: {
      name: 't',
      ...round,
      _meta: {
        progressToken: 3,
        'com.example/x': 1,
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': client.clientInfo,
        'io.modelcontextprotocol/clientCapabilities': { roots: { listChanged: true } },
        'io.modelcontextprotocol/logLevel': 'info',
      },
    },
  })
  expect(
    requestForStateless(request, { id: 'ours', client, logLevel: null, round: {} }).params,
  ).not.toHaveProperty('requestState')
})

test('an answer loses what only its own era says', () => {
  const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' }, 'com.example/x': 1 }
  const result = { resultType: 'complete', ttlMs: 1, cacheScope: 'public', tools: [], _meta }
  expect(answerForSession({ jsonrpc: '2.0', id: 'ours', result }, 7, 'tools/list')).toEqual({
    jsonrpc: '2.0',
    id: 7,
    result: { tools: [], _meta: { 'com.example/x': 1 } },
  })
})

test('a missing resource has the code of the older era; other wrong params keep theirs', () => {
  const error = (data?: unknown) => ({ code: -32602, message: 'no', ...(data === undefined ? {} : { data }) })
  const of = (data: unknown, method: string) =>
    answerForSession({ jsonrpc: '2.0', id: 'o', error: error(data) }, 7, method).error?.code
  expect(of({ uri: 'x:y' }, 'resources/read')).toBe(-32002)
  expect(of(undefined, 'resources/read')).toBe(-32602)
  expect(of({ uri: 'x:y' }, 'tools/call')).toBe(-32602)
})

test('required input is read with care', () => {
  const required = (result: Record<string, unknown>) => requiredInputIn({ jsonrpc: '2.0', id: 1, result })
  expect(required({ resultType: 'complete' })).toBeNull()
  expect(required({})).toBeNull()
  expect(required({ resultType: 'input_required' })).toBe('malformed')
  expect(required({ resultType: 'input_required', inputRequests: [] })).toBe('malformed')
  expect(required({ resultType: 'input_required', inputRequests: { a: 1 } })).toBe('malformed')
  expect(required({ resultType: 'input_required', requestState: 's' })).toEqual({
    questions: new Map(),
    requestState: 's',
  })
  const asked = { resultType: 'input_required', inputRequests: { a: { method: 'roots/list', more: 1 } } }
  expect(required(asked)).toEqual({
    questions: new Map([['a', { method: 'roots/list' }]]),
    requestState: null,
  })
})

test('a question becomes a request; a page gets the id that the era wants', () => {
  expect(questionForSession({ method: 'roots/list' }, 'q')).toEqual({
    jsonrpc: '2.0',
    id: 'q',
    method: 'roots/list',
  })
  const page = {
    method: 'elicitation/create',
    params: { mode: 'url', url: 'https://x.example', message: 'm' },
  }
  expect(questionForSession(page, 'q').params).toEqual({ ...page.params, elicitationId: 'q' })
})

test('notifications lose the name of their subscription', () => {
  const params = { uri: 'a:1', _meta: { 'io.modelcontextprotocol/subscriptionId': 's' } }
  const updated = { jsonrpc: '2.0', method: 'notifications/resources/updated', params } as const
  expect(changeForSession(updated)).toEqual({ ...updated, params: { uri: 'a:1' } })
  expect(changeForSession({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged' })).toBeNull()
  expect(noteForSession(updated)).toBeNull()
  expect(
    noteForSession({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }),
  ).not.toBeNull()
})

test('a server introduces itself as servers of the other era do', () => {
  const discovered = {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, logging: {} },
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } },
  }
  expect(initialization(discovered, '2025-06-18', 'crm')).toEqual({
    protocolVersion: '2025-06-18',
    capabilities: { tools: {}, logging: {} },
    serverInfo: { name: 's', version: '1' },
  })
  expect(initialization({}, '2025-06-18', 'crm').serverInfo).toEqual({ name: 'crm', version: 'unknown' })
})

test('a client is asked only for what it declares', () => {
  const form = { method: 'elicitation/create', params: { message: 'm' } }
  const page = { method: 'elicitation/create', params: { mode: 'url' } }
  const sample = { method: 'sampling/createMessage', params: {} }
  const withTools = { method: 'sampling/createMessage', params: { tools: [] } }
  expect(lacking({}, form)).toBe('elicitation')
  expect(lacking({ elicitation: {} }, form)).toBeNull()
  expect(lacking({ elicitation: { url: {} } }, form)).toBe('elicitation.form')
  expect(lacking({ elicitation: {} }, page)).toBe('elicitation.url')
  expect(lacking({ elicitation: { url: {} } }, page)).toBeNull()
  expect(lacking({ sampling: {} }, sample)).toBeNull()
  expect(lacking({ sampling: {} }, withTools)).toBe('sampling.tools')
  expect(lacking({ sampling: { tools: {} } }, withTools)).toBeNull()
  expect(lacking({ roots: {} }, { method: 'roots/list' })).toBeNull()
  expect(lacking({ roots: {} }, { method: 'toString' })).toBe('toString')
  expect(canBeAsked({ experimental: {} })).toBe(false)
  expect(canBeAsked({ roots: {} })).toBe(true)
})

test('names of exchanges are read exactly', () => {
  const name = { object: '0a'.repeat(32), secret: 'Ab-_'.repeat(8) }
  const state = { ...name, begunBy: '0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d' }
  expect(readRequestState(requestStateOf(state))).toEqual(state)
  // As they were before they said which request began the call: of nobody.
  expect(readRequestState(`gatehouse1.${name.object}.${name.secret}`)).toBeNull()
  expect(readQuestionId(questionId(name, 12))).toEqual({ ...name, index: 12 })
  expect(readRequestState(questionId(name, 1))).toBeNull()
  expect(readQuestionId(7)).toBeNull()
  expect(isOurState(requestStateOf(state))).toBe(true)
  expect(isOurState('gatehouse1.')).toBe(true)
  expect(isOurState('eyJ')).toBe(false)
})

test('a mark is none of the sessions that upstreams give out', () => {
  expect(isMark({ id: null, protocolVersion: '2026-07-28' })).toBe(true)
  expect(isMark({ id: null, protocolVersion: '2025-11-25' })).toBe(false)
  expect(isMark({ id: 'x', protocolVersion: '2026-07-28' })).toBe(false)
  expect(isMark(null)).toBe(false)
  expect(logLevelOf({ id: null, protocolVersion: '2026-07-28 error' })).toBe('error')
  expect(logLevelOf({ id: null, protocolVersion: '2026-07-28 loud' })).toBeNull()
  expect(logLevelOf({ id: null, protocolVersion: '2026-07-28' })).toBeNull()
})
