import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeaderValue } from '../../src/base/header-value.ts'
import { identity } from '../../src/base/version.ts'
import {
  declaredParamHeaders,
  encodeHeaderValue,
  isReservedHeader,
  paramHeaderProblem,
  paramHeaders,
  type UpstreamHeaders,
  upstreamRequestHeaders,
} from '../../src/upstream/headers.ts'

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    nested: { type: 'object', properties: { dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' } } },
    plain: { type: 'string' },
  },
}

describe('the headers that a tool asks for', () => {
  test('are those of its properties, at any depth', () => {
    expect(declaredParamHeaders(schema)).toEqual([
      { path: ['region'], header: 'Mcp-Param-Region', type: 'string' },
      { path: ['count'], header: 'Mcp-Param-Count', type: 'integer' },
      { path: ['nested', 'dry'], header: 'Mcp-Param-Dry-Run', type: 'boolean' },
    ])
  })

  test.each<[string, unknown]>([
    ['no schema', null],
    ['a schema of its own', { type: 'string', 'x-mcp-header': 'A' }],
    ['a number', { properties: { a: { type: 'number', 'x-mcp-header': 'A' } } }],
    ['an object', { properties: { a: { type: 'object', 'x-mcp-header': 'A' } } }],
    ['no type', { properties: { a: { 'x-mcp-header': 'A' } } }],
    ['no name', { properties: { a: { type: 'string', 'x-mcp-header': '' } } }],
    ['a name that is none', { properties: { a: { type: 'string', 'x-mcp-header': 'A\r\nB' } } }],
    [
      'a name twice',
      {
        properties: {
          a: { type: 'string', 'x-mcp-header': 'A' },
          b: { type: 'string', 'x-mcp-header': 'a' },
        },
      },
    ],
    ['an item', { properties: { a: { items: { type: 'string', 'x-mcp-header': 'A' } } } }],
    ['a choice', { anyOf: [{ properties: { a: { type: 'string', 'x-mcp-header': 'A' } } }] }],
  ])('are not there for %s', (_, inputSchema) => expect(declaredParamHeaders(inputSchema)).toEqual([]))

  test('are sent for the values that are there', () => {
    expect(paramHeaders(schema, { region: 'eu', count: 3, nested: { dry: false }, plain: 'x' })).toEqual({
      'Mcp-Param-Region': 'eu',
      'Mcp-Param-Count': '3',
      'Mcp-Param-Dry-Run': 'false',
    })
    expect(paramHeaders(schema, { region: null, count: 2 ** 60, nested: 'x' })).toEqual({})
    expect(paramHeaders(schema, undefined)).toEqual({})
    expect(paramHeaders({ properties: { toString: { type: 'string', 'x-mcp-header': 'A' } } }, {})).toEqual(
      {},
    )
  })

  test.each<[string, string]>([
    ['eu-west 1', 'eu-west 1'],
    ['', '=?base64??='],
    [' a', '=?base64?IGE=?='],
    ['a\n', '=?base64?YQo=?='],
    ['ä', '=?base64?w6Q=?='],
    ['=?base64?YQ==?=', '=?base64?PT9iYXNlNjQ/WVE9PT89?='],
    ['=?BASE64?x?=', '=?base64?PT9CQVNFNjQ/eD89?='],
  ])('carry %j as %s', (text, value) => {
    expect(encodeHeaderValue(text)).toBe(value)
    expect(decodeHeaderValue(value)).toBe(text)
  })

  test('always agree with the arguments that they were made of', () => {
    const args = fc.record(
      {
        region: fc.oneof(fc.string({ unit: 'grapheme' }), fc.string(), fc.constant(null)),
        count: fc.oneof(fc.integer(), fc.double(), fc.constant(null)),
        nested: fc.record({ dry: fc.boolean() }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(args, (given) => {
        const headers = new Headers(paramHeaders(schema, given))
        expect(paramHeaderProblem(schema, given, headers)).toBeNull()
      }),
    )
  })

  test.each<[string, unknown, Record<string, string>, string | null]>([
    ['the same', { count: 42 }, { 'mcp-param-count': '42' }, null],
    ['the same integer', { count: 42 }, { 'mcp-param-count': '42.0' }, null],
    [
      'another integer',
      { count: 42 },
      { 'mcp-param-count': '43' },
      'the header Mcp-Param-Count and params.arguments/count are not the same',
    ],
    [
      'another notation',
      { count: 42 },
      { 'mcp-param-count': '0x2a' },
      'the header Mcp-Param-Count and params.arguments/count are not the same',
    ],
    [
      'another text',
      { region: 'eu' },
      { 'mcp-param-region': 'us' },
      'the header Mcp-Param-Region and params.arguments/region are not the same',
    ],
    [
      'another case',
      { region: 'eu' },
      { 'mcp-param-region': 'EU' },
      'the header Mcp-Param-Region and params.arguments/region are not the same',
    ],
    [
      'no header',
      { nested: { dry: true } },
      {},
      'the header Mcp-Param-Dry-Run is missing; it repeats params.arguments/nested/dry',
    ],
    [
      'no value',
      { region: null },
      { 'mcp-param-region': 'eu' },
      'the header Mcp-Param-Region is there, but params.arguments/region is not',
    ],
    [
      'broken Base64',
      { region: 'a' },
      { 'mcp-param-region': '=?base64?Y?=' },
      'the header Mcp-Param-Region is not valid Base64 inside =?base64?…?=',
    ],
    ['neither', {}, {}, null],
    ['a value that has no header', { region: ['eu'] }, {}, null],
    ['a header that nobody asked for', {}, { 'mcp-param-plain': 'x' }, null],
  ])('are compared: %s', (_, args, headers, problem) => {
    expect(paramHeaderProblem(schema, args, new Headers(headers))).toBe(problem)
  })
})

describe('the headers of a request to an upstream', () => {
  const none: UpstreamHeaders = {
    method: 'POST',
    client: null,
    protocolVersion: null,
    sessionId: null,
    mcpMethod: null,
    mcpName: null,
    params: null,
    lastEventId: null,
    configured: {},
  }
  const made = (given: Partial<UpstreamHeaders>) => upstreamRequestHeaders({ ...none, ...given })
  const passed = (client: Record<string, string>) => {
    const {
      'user-agent': _,
      'content-type': __,
      accept: ___,
      ...rest
    } = made({ client: new Headers(client) })
    return rest
  }
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

  test('say what is sent and what is understood', () => {
    const userAgent = `gatehouse/${identity.version}`
    expect(made({})).toEqual({
      'user-agent': userAgent,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    })
    expect(made({ method: 'GET', lastEventId: '7' })).toEqual({
      'user-agent': userAgent,
      accept: 'text/event-stream',
      'last-event-id': '7',
    })
    expect(made({ method: 'DELETE', sessionId: 's', protocolVersion: '2025-11-25' })).toEqual({
      'user-agent': userAgent,
      'mcp-session-id': 's',
      'mcp-protocol-version': '2025-11-25',
    })
  })

  test('carry nothing else of the client', () => {
    expect(
      passed({
        authorization: 'Bearer x',
        cookie: 'a=b',
        'proxy-authorization': 'x',
        connection: 'keep-alive, traceparent',
        'x-forwarded-for': '1.1.1.1',
        'cf-connecting-ip': '1.1.1.1',
        'mcp-session-id': 'of the gateway',
        'mcp-method': 'tools/call',
        'mcp-param-a': 'only of the stateless era',
        'last-event-id': '7',
        'user-agent': 'client',
        origin: 'https://example.com',
      }),
    ).toEqual({})
  })

  test('name the method and what it is about, encoded where that is needed', () => {
    expect(made({ mcpMethod: 'tools/call', mcpName: 'größe' })).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?Z3LDtsOfZQ==?=',
    })
  })

  test('repeat arguments as the client did, or as given', () => {
    const client = new Headers({
      'Mcp-Param-A': 'x',
      'mcp-param-b': '=?base64?YQ==?=',
      'mcp-param-': 'no name',
    })
    const stateless = { mcpMethod: 'tools/call', mcpName: 'a', client }
    expect(made(stateless)).toMatchObject({ 'mcp-param-a': 'x', 'mcp-param-b': '=?base64?YQ==?=' })
    const given = made({ ...stateless, params: { 'Mcp-Param-C': 'y' } })
    expect(given).toHaveProperty('mcp-param-c', 'y')
    expect(given).not.toHaveProperty('mcp-param-a')
  })

  test('repeat a bounded number of arguments, of bounded size', () => {
    const params = (client: Record<string, string>) =>
      Object.keys(made({ mcpMethod: 'tools/call', client: new Headers(client) })).filter((name) =>
        name.startsWith('mcp-param-'),
      )
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`mcp-param-${i}`, 'x']))
    expect(params(many)).toHaveLength(32)
    expect(params({ 'mcp-param-a': 'x'.repeat(5_000), 'mcp-param-b': 'x' })).toEqual(['mcp-param-b'])
    const large = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`mcp-param-${i}`, 'x'.repeat(4_000)]),
    )
    expect(params(large)).toHaveLength(4)
  })

  test('carry a trace that is well-formed', () => {
    const whole = { traceparent, tracestate: 'a=1, b@c=2', baggage: 'user=x;p=1, k = v%20w' }
    expect(passed(whole)).toEqual(whole)
    expect(passed({ tracestate: 'a=1' })).toEqual({})
    expect(passed({ traceparent: `01${traceparent.slice(2)}-later` })).toHaveProperty('traceparent')
  })

  test.each<[string, string]>([
    ['traceparent', 'x'],
    ['traceparent', traceparent.toUpperCase()],
    ['traceparent', `${traceparent}-more`],
    ['traceparent', `ff${traceparent.slice(2)}`],
    ['traceparent', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['traceparent', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['tracestate', 'A=1'],
    ['tracestate', `a=${'x'.repeat(600)}`],
    ['tracestate', Array.from({ length: 33 }, (_, i) => `a${i}=1`).join(',')],
    ['baggage', 'no value'],
    ['baggage', 'a="b"'],
    ['baggage', `a=${'x'.repeat(9_000)}`],
    ['baggage', Array.from({ length: 65 }, (_, i) => `a${i}=1`).join(',')],
  ])('leave out a %s like %s', (name, value) => {
    expect(passed({ traceparent, [name]: value })[name]).not.toBe(value)
  })

  test('have what is configured, which overrides nothing of the protocol', () => {
    const headers = made({
      client: new Headers({ traceparent }),
      sessionId: 's',
      configured: {
        Authorization: 'Bearer secret',
        'User-Agent': 'mine',
        Accept: 'text/plain',
        'Mcp-Session-Id': 'another',
        'mcp-param-a': 'x',
        Host: 'example.com',
        'transfer-encoding': 'chunked',
      },
    })
    expect(headers).toEqual({
      authorization: 'Bearer secret',
      'user-agent': 'mine',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': 's',
      traceparent,
    })
    expect(isReservedHeader('MCP-Name')).toBe(true)
    expect(isReservedHeader('Authorization')).toBe(false)
  })
})
