import { describe, expect, test } from 'vitest'
import { endpointOf } from '../../src/mcp/endpoint-of.ts'

const asked = (url: string, method = 'POST', headers: Record<string, string> = {}) =>
  endpointOf({ method, url, headers: new Headers(headers) })

describe('the endpoint without the router', () => {
  test.each<[string, ReturnType<typeof endpointOf>]>([
    ['https://gate.example/mcp', { tenant: null, server: null }],
    ['http://127.0.0.1:8787/mcp/crm', { tenant: null, server: 'crm' }],
    ['https://gate.example/t/acme/mcp', { tenant: 'acme', server: null }],
    ['https://gate.example/t/acme--eu/mcp/crm-2', { tenant: 'acme--eu', server: 'crm-2' }],
  ])('of %s', (url, endpoint) => {
    expect(asked(url)).toEqual(endpoint)
  })

  test.each([
    'https://gate.example/mcp/',
    'https://gate.example/mcp?session=1',
    'https://gate.example/mcp#here',
    'https://gate.example/mcp/crm/',
    'https://gate.example/mcp/crm/more',
    'https://gate.example/mcp/-crm',
    'https://gate.example/mcp/CRM',
    'https://gate.example/mcp/%63rm',
    'https://gate.example/mcp/crm?x',
    'https://gate.example//mcp',
    'https://gate.example/t//mcp',
    'https://gate.example/t/a/b/mcp',
    'https://gate.example/x/mcp',
    'https://gate.example/healthz',
    'https://mcp/',
    'https://gate.example/?/mcp',
  ])('the router looks at %s', (url) => {
    expect(asked(url)).toBeNull()
  })

  test('and at what is no POST, or comes from a page', () => {
    expect(asked('https://gate.example/mcp', 'GET')).toBeNull()
    expect(asked('https://gate.example/mcp', 'OPTIONS')).toBeNull()
    expect(asked('https://gate.example/mcp', 'POST', { origin: 'https://page.example' })).toBeNull()
  })
})
