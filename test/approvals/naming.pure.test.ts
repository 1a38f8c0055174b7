/** What names a call and its approval: ids, links, canonical text. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { approvalId, approvalUrl, grantOfApproval } from '../../src/approvals/id.ts'
import { canonicalJson } from '../../src/base/canonical-json.ts'
import { publicBase, publicUrlProblem } from '../../src/request/public-base.ts'

test('an id names its grant; anything else is none', () => {
  const id = approvalId('support-bot', '01234567-89ab-cdef-0123-456789abcdef')
  expect(id).toBe('apr_support-bot_0123456789abcdef0123456789abcdef')
  expect(grantOfApproval(id)).toBe('support-bot')
  for (const text of [
    '',
    'apr_',
    `${id}0`,
    id.toUpperCase(),
    id.slice(1),
    `apr_a/b_${'0'.repeat(32)}`,
    `${id}\n`,
  ])
    expect(grantOfApproval(text)).toBeNull()
})

describe('a link begins', () => {
  const at = (url: string, headers: Record<string, string> = {}) => ({ url, headers: new Headers(headers) })
  const here = at('http://127.0.0.1:8787/mcp?x=1')
  const evil = at('https://evil.example/mcp')
  const domain = { TENANT_DOMAIN: 'mcp.example.com' }
  const own = {
    ...domain,
    CUSTOM_HOSTNAMES: 'tools.globex.test=globex tools.acme.test=acme two.acme.test=acme',
  }

  test.each([
    ['with PUBLIC_URL', { ...own, PUBLIC_URL: 'https://gate.example/' }, evil, 'https://gate.example/t/acme'],
    [
      'with PUBLIC_URL, on this machine too',
      { PUBLIC_URL: 'https://gate.example' },
      here,
      'https://gate.example/t/acme',
    ],
    [
      'with PUBLIC_URL alone, where it is a name of the tenant’s own',
      { ...own, PUBLIC_URL: 'https://two.acme.test' },
      evil,
      'https://two.acme.test',
    ],
    [
      'with PUBLIC_URL alone, where it is the tenant’s under TENANT_DOMAIN, in any case',
      { ...domain, PUBLIC_URL: 'https://ACME.mcp.example.com' },
      evil,
      'https://acme.mcp.example.com',
    ],
    [
      'with the tenant in the path, where PUBLIC_URL is the tenants’ domain itself',
      { ...domain, PUBLIC_URL: 'https://mcp.example.com' },
      evil,
      'https://mcp.example.com/t/acme',
    ],
    [
      'not with a PUBLIC_URL that is another tenant’s',
      { ...own, PUBLIC_URL: 'https://tools.globex.test' },
      evil,
      'https://tools.acme.test',
    ],
    [
      'not with a PUBLIC_URL that is nobody’s',
      { ...domain, PUBLIC_URL: 'https://a.b.mcp.example.com' },
      evil,
      'https://acme.mcp.example.com',
    ],
    [
      'not with its name under TENANT_DOMAIN, where that is given to another tenant',
      { ...domain, CUSTOM_HOSTNAMES: 'acme.mcp.example.com=globex', PUBLIC_URL: 'https://gate.example' },
      evil,
      'https://gate.example/t/acme',
    ],
    [
      'nowhere, where its name under TENANT_DOMAIN is given to another tenant',
      { ...domain, CUSTOM_HOSTNAMES: 'acme.mcp.example.com=globex' },
      evil,
      null,
    ],
    [
      'nowhere, where PUBLIC_URL is another tenant’s and nothing else is said',
      { CUSTOM_HOSTNAMES: 'tools.globex.test=globex', PUBLIC_URL: 'https://tools.globex.test' },
      evil,
      null,
    ],
    [
      'where the request went, on this machine, at a name of the tenant’s own',
      { TENANT_DOMAIN: 'localhost' },
      at('http://acme.localhost:8787/mcp'),
      'http://acme.localhost:8787',
    ],
    [
      'not where the request went, on this machine, at a name of another tenant',
      { TENANT_DOMAIN: 'localhost' },
      at('http://globex.localhost:8787/mcp'),
      null,
    ],
    ['with a name of the tenant’s own', own, evil, 'https://tools.acme.test'],
    ['with its name under TENANT_DOMAIN', domain, evil, 'https://acme.mcp.example.com'],
    ['with that, where the request went elsewhere', domain, here, 'https://acme.mcp.example.com'],
    [
      'where the request went, on this machine',
      { TENANT_DOMAIN: 'localhost' },
      here,
      'http://127.0.0.1:8787/t/acme',
    ],
    ['there also where PUBLIC_URL is empty', { PUBLIC_URL: '' }, here, 'http://127.0.0.1:8787/t/acme'],
    ['nowhere else', {}, evil, null],
    ['nowhere, where TENANT_DOMAIN is this machine’s', { TENANT_DOMAIN: 'localhost' }, evil, null],
    ['nowhere, where a PUBLIC_URL cannot be meant', { PUBLIC_URL: 'gate.example' }, evil, null],
    ['nowhere, where the request was passed on', {}, at('http://127.0.0.1/mcp', { via: '1.1 x' }), null],
    [
      'nowhere, where it came from elsewhere',
      {},
      at('http://localhost/mcp', { 'cf-connecting-ip': '192.0.2.1' }),
      null,
    ],
  ] as const)('%s', (_, settings, request, base) => {
    expect(publicBase(settings, 'acme', request)).toBe(base)
  })

  test('and ends with the id', () => {
    expect(approvalUrl('https://gate.example', 'apr_x')).toBe('https://gate.example/approvals/apr_x')
    expect(approvalUrl('https://gate.example/t/acme', 'apr_x')).toBe(
      'https://gate.example/t/acme/approvals/apr_x',
    )
  })
})

test('a PUBLIC_URL that cannot be meant is said so', () => {
  for (const good of [undefined, '', 'https://gate.example', 'http://localhost:8787/'])
    expect(publicUrlProblem(good === undefined ? {} : { PUBLIC_URL: good })).toBeNull()
  for (const bad of [
    'gate.example',
    'ftp://gate.example',
    'https://gate.example/base',
    'https://gate.example/?a',
  ])
    expect(publicUrlProblem({ PUBLIC_URL: bad })).toContain('PUBLIC_URL')
})

/** The same value with the names of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, shuffled(inner)]),
  )
}

test('one value has one canonical text, whatever the order of its names, and it says the same', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      const canonical = canonicalJson(value)
      expect(canonicalJson(shuffled(value))).toBe(canonical)
      expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('two values have two', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (a, b) => {
      const [left, right] = [a, b].map((text) => canonicalJson(JSON.parse(text)))
      if (left !== right) return
      expect(JSON.parse(left ?? '')).toEqual(JSON.parse(right ?? ''))
    }),
  )
  const texts = ['{"a":1}', '{"a":"1"}', '{"a":[1]}', '{"a":null}', '{}', '[]', '{"a":{"b":1}}', '{"a.b":1}']
  expect(new Set(texts.map((text) => canonicalJson(JSON.parse(text)))).size).toBe(texts.length)
})
