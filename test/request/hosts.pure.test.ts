/** Which tenant a host name is of. */
import { describe, expect, test } from 'vitest'
import { hostAllows, hostSettingsProblem, tenantOfHost } from '../../src/request/hosts.ts'

const settings = {
  TENANT_DOMAIN: 'mcp.example.com',
  CUSTOM_HOSTNAMES: 'tools.acme.test=acme, mcp.globex.test=globex\n special.mcp.example.com=acme',
}

describe('a host name', () => {
  test.each([
    ['acme.mcp.example.com', { kind: 'tenant', tenant: 'acme' }],
    ['ACME.MCP.example.com.', { kind: 'tenant', tenant: 'acme' }],
    ['acme--eu.mcp.example.com', { kind: 'tenant', tenant: 'acme--eu' }],
    ['tools.acme.test', { kind: 'tenant', tenant: 'acme' }],
    ['mcp.globex.test', { kind: 'tenant', tenant: 'globex' }],
    ['special.mcp.example.com', { kind: 'tenant', tenant: 'acme' }],
    ['a.b.mcp.example.com', { kind: 'none' }],
    ['-acme.mcp.example.com', { kind: 'none' }],
    ['mcp.example.com', { kind: 'any' }],
    ['acmemcp.example.com', { kind: 'any' }],
    ['evil.tools.acme.test', { kind: 'any' }],
    ['gatehouse.workers.dev', { kind: 'any' }],
    ['127.0.0.1', { kind: 'any' }],
  ])('%s', (host, of) => expect(tenantOfHost(settings, host)).toEqual(of))

  test('without settings is of no tenant in particular', () => {
    expect(tenantOfHost({}, 'acme.mcp.example.com')).toEqual({ kind: 'any' })
    expect(hostSettingsProblem({})).toBeNull()
  })

  test('allows its own tenant alone', () => {
    const allows = (host: string, tenant: string | null) => hostAllows(settings, host, tenant)
    expect(allows('acme.mcp.example.com', 'acme')).toBe(true)
    expect(allows('acme.mcp.example.com', 'globex')).toBe(false)
    expect(allows('acme.mcp.example.com', null)).toBe(true)
    expect(allows('a.b.mcp.example.com', 'acme')).toBe(false)
    expect(allows('a.b.mcp.example.com', null)).toBe(false)
    expect(allows('mcp.example.com', 'globex')).toBe(true)
  })
})

describe('settings that cannot be meant are named', () => {
  test.each([
    [{ TENANT_DOMAIN: '*.example.com' }, 'TENANT_DOMAIN is "*.example.com"'],
    [{ TENANT_DOMAIN: 'https://example.com' }, 'TENANT_DOMAIN is'],
    [{ CUSTOM_HOSTNAMES: 'tools.acme.test' }, 'CUSTOM_HOSTNAMES has "tools.acme.test"'],
    [{ CUSTOM_HOSTNAMES: 'tools.acme.test=Acme' }, 'CUSTOM_HOSTNAMES has'],
    [{ CUSTOM_HOSTNAMES: 'a.test=acme,A.test=globex' }, 'CUSTOM_HOSTNAMES has "A.test=globex"'],
    [{ CUSTOM_HOSTNAMES: 'a.test=acme=b' }, 'CUSTOM_HOSTNAMES has'],
  ])('%j', (wrong, problem) => expect(hostSettingsProblem(wrong)).toContain(problem))
})
