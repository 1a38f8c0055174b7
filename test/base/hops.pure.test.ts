/** A request that comes back to a gateway that it has passed is refused there, by whatever way it comes. */
import { expect, test } from 'vitest'
import { ownAddressProblem } from '../../src/admin/own-address.ts'
import { HOP_HEADER, hopsOnward, isLoop, MOST_HOPS } from '../../src/base/hops.ts'

const at = (host: string, hops?: string) => ({
  url: `https://${host}/mcp`,
  headers: new Headers(hops === undefined ? {} : { [HOP_HEADER]: hops }),
})
const through = (...hosts: string[]) =>
  hosts.reduce<string | undefined>((hops, host) => hopsOnward(at(host, hops)), undefined)

test('a request that comes back is a loop, at once or through others', () => {
  expect(isLoop(at('a.example'))).toBe(false)
  expect(isLoop(at('a.example', through('a.example')))).toBe(true)
  expect(isLoop(at('a.example', through('a.example', 'b.example')))).toBe(true)
  expect(isLoop(at('b.example', through('a.example')))).toBe(false)
  expect(isLoop(at('c.example', through('a.example', 'b.example')))).toBe(false)
  expect(isLoop(at('a.example:8443', through('a.example')))).toBe(false)
})

test('a gateway of ever other names is found by their number', () => {
  const names = Array.from({ length: MOST_HOPS }, (_, i) => `n${i}.example`)
  expect(isLoop(at('other.example', through(...names.slice(1))))).toBe(false)
  expect(isLoop(at('other.example', through(...names)))).toBe(true)
  expect(isLoop(at('other.example', 'x'.repeat(201)))).toBe(true)
})

test('the header says no host name', () => {
  expect(through('secret-tenant.example', 'b.example')).toMatch(/^[0-9a-f]{8}, [0-9a-f]{8}$/)
})

const settings = {
  PUBLIC_URL: 'https://gate.example.net',
  TENANT_DOMAIN: 'mcp.example.com',
  CUSTOM_HOSTNAMES: 'tools.acme.test=acme',
}
const request = { url: 'https://gatehouse.team.workers.dev/api/v1/tenants/acme/servers/x' }
const here = { url: 'http://127.0.0.1:8787/api/v1/tenants/acme/servers/x' }

test.each([
  ['https://gatehouse.team.workers.dev/mcp', request],
  ['https://gatehouse.team.workers.dev./mcp', request],
  ['https://gate.example.net/mcp', request],
  ['https://gate.example.net:8443/other', request],
  ['https://mcp.example.com/t/acme/mcp', request],
  ['https://acme.mcp.example.com/mcp', request],
  ['https://a.b.mcp.example.com./mcp', request],
  ['https://tools.acme.test/mcp', request],
  ['http://127.0.0.1:8787/mcp', here],
  ['http://localhost:8787/mcp', here],
  ['http://acme.localhost:8787/mcp', here],
  ['http://[::1]:8787/mcp', here],
])('%s is the gateway itself', (url, asked) => {
  expect(ownAddressProblem(new URL(url), settings, asked)).toContain('which is this gateway itself')
})

test.each([
  ['https://crm.example.com/mcp', request],
  ['https://notmcp.example.com/mcp', request],
  ['https://example.com/mcp', request],
  ['https://other.workers.dev/mcp', request],
  ['http://127.0.0.1:9000/mcp', here],
  ['http://localhost/mcp', here],
  ['http://localhost:8787/mcp', request],
])('%s is another server', (url, asked) => {
  expect(ownAddressProblem(new URL(url), settings, asked)).toBeNull()
  expect(ownAddressProblem(new URL(url), { TENANT_DOMAIN: 'localhost' }, asked)).toBeNull()
})
