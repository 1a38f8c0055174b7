/** Cookies, addresses, forms and times of the pages, and whether their colours can be read. */
import { describe, expect, test } from 'vitest'
import { cookiesIn, jarOf, setCookie } from '../../../src/admin/page/cookie.ts'
import { isFromOwnPage } from '../../../src/admin/page/form.ts'
import { pathTo, placeOf } from '../../../src/admin/page/place.ts'
import { STYLE } from '../../../src/admin/page/style.ts'
import { fromNow, time } from '../../../src/admin/page/times.ts'

describe('the cookie', () => {
  test('of https is secure, and named so that a browser takes it from there alone', () => {
    const jar = jarOf(new URL('https://acme.example/approvals'))
    expect(jar && setCookie(jar, '/approvals', 'v1.k.iv.text')).toBe(
      '__Secure-gatehouse-approvals=v1.k.iv.text; Path=/approvals; Max-Age=28800; HttpOnly; SameSite=Lax; Secure',
    )
    expect(jar && setCookie(jar, '/t/acme/approvals', null)).toBe(
      '__Secure-gatehouse-approvals=; Path=/t/acme/approvals; Max-Age=0; HttpOnly; SameSite=Lax; Secure',
    )
  })

  test.each(['http://127.0.0.1:8787', 'http://localhost', 'http://[::1]:1', 'http://acme.localhost'])(
    'of %s, which goes no further, is not',
    (url) => {
      const jar = jarOf(new URL(url))
      expect(jar && setCookie(jar, '/approvals', 'x')).toBe(
        'gatehouse-approvals=x; Path=/approvals; Max-Age=28800; HttpOnly; SameSite=Lax',
      )
    },
  )

  test.each(['http://acme.example', 'http://192.168.1.4:8787', 'http://localhost.example'])(
    'is not set at %s',
    (url) => {
      expect(jarOf(new URL(url))).toBeNull()
    },
  )

  test('is found among others, each of its name', () => {
    const jar = { name: 'n', secure: false }
    expect(cookiesIn('a=1; n=v1.x; nn=2;n=v2; N=3', jar)).toEqual(['v1.x', 'v2'])
    expect(cookiesIn(null, jar)).toEqual([])
    expect(cookiesIn('n=1;'.repeat(50), jar)).toHaveLength(4)
  })
})

describe('a page is', () => {
  const settings = { TENANT_DOMAIN: 'mcp.example.com', CUSTOM_HOSTNAMES: 'tools.acme.test=acme' }

  test.each([
    ['of the tenant of a host', 'acme.mcp.example.com', null, { tenant: 'acme', base: '/approvals' }],
    ['of the tenant of a name of its own', 'tools.acme.test', null, { tenant: 'acme', base: '/approvals' }],
    ['of the tenant of the path', 'gate.example', 'acme', { tenant: 'acme', base: '/t/acme/approvals' }],
    ['of both', 'acme.mcp.example.com', 'acme', { tenant: 'acme', base: '/t/acme/approvals' }],
    ['of none yet', 'gate.example', null, { tenant: null, base: '/approvals' }],
    ['nowhere at another tenant’s host', 'acme.mcp.example.com', 'globex', null],
    ['nowhere at nobody’s host', 'a.b.mcp.example.com', null, null],
    ['nowhere by a name that is none', 'gate.example', 'A_b', null],
  ] as const)('%s', (_, host, path, place) => {
    expect(placeOf(settings, host, path)).toEqual(place)
  })

  test.each([
    ['/approvals', 'apr_bot_0', '/approvals/apr_bot_0'],
    ['/approvals', '/evil.example', '/approvals/%2Fevil.example'],
    ['/approvals', '..\\\r\nset-cookie: a=b', '/approvals/..%5C%0D%0Aset-cookie%3A%20a%3Db'],
    ['/approvals', '\uD800', '/approvals/%EF%BF%BD'],
    ['/t/acme/approvals', null, '/t/acme/approvals'],
  ])('below %s, %j is at %s', (base, id, path) => {
    expect(pathTo(base, id)).toBe(path)
  })
})

describe('a form is', () => {
  const sent = (headers: Record<string, string>) =>
    isFromOwnPage({ url: 'https://acme.example/approvals/x', headers: new Headers(headers) })

  test.each([
    [{ 'sec-fetch-site': 'same-origin', origin: 'null' }, true],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://acme.example' }, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ origin: 'https://acme.example' }, true],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }, false],
    [{ 'sec-fetch-site': 'same-site', origin: 'https://acme.example' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin: 'null' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ origin: 'null' }, false],
    [{ origin: 'http://acme.example' }, false],
    [{ origin: 'https://acme.example:8443' }, false],
    [{ origin: 'https://acme.example.evil.example' }, false],
    [{}, false],
  ])('with %j of our own page: %s', (headers, isOwn) => {
    expect(sent(headers as Record<string, string>)).toBe(isOwn)
  })
})

test.each([
  [0, 'now'],
  [999, 'now'],
  [1_000, 'in 1 second'],
  [-59_999, '59 seconds ago'],
  [60_000, 'in 1 minute'],
  [-7_200_000, '2 hours ago'],
  [604_800_000, 'in 7 days'],
])('%i ms from now is “%s”', (ms, text) => {
  expect(fromNow(1_000_000_000_000 + ms, 1_000_000_000_000)).toBe(text)
})

test('a time is said by the clock, too', () => {
  const ms = Date.parse('2030-01-02T03:04:05.678Z')
  expect(time(ms, ms).text).toBe(
    '<time datetime="2030-01-02T03:04:05.678Z">2030-01-02 03:04:05 UTC</time> (now)',
  )
})

describe('colours, by day and by night', () => {
  const sets = [...STYLE.matchAll(/:root \{([^}]*)\}/g)]
    .map(([, body = '']) => [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)])
    .filter((pairs) => pairs.length > 0)
    .map((pairs) => new Map(pairs.map(([, name = '', value = '']) => [name, value])))

  /** WCAG 2.2, relative luminance. */
  const luminance = (hex = '') => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a?: string, b?: string) => {
    const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
    return (light + 0.05) / (dark + 0.05)
  }

  test('are two sets, with the same names', () => {
    expect(sets).toHaveLength(2)
    expect([...(sets[0]?.keys() ?? [])]).toEqual([...(sets[1]?.keys() ?? [])])
  })

  // WCAG 2.2, 1.4.3: 4.5 for text; 1.4.11: 3 for what tells a control from the page.
  test.each([
    ['text', 'page', 4.5],
    ['text', 'box', 4.5],
    ['quiet', 'page', 4.5],
    ['quiet', 'box', 4.5],
    ['link', 'page', 4.5],
    ['warn', 'warn-box', 4.5],
    ['mark', 'mark-box', 4.5],
    ['on', 'yes', 4.5],
    ['no', 'page', 4.5],
    ['focus', 'page', 3],
  ])('%s on %s has a contrast of %d', (front, back, least) => {
    for (const set of sets) expect(contrast(set.get(front), set.get(back))).toBeGreaterThanOrEqual(least)
  })

  test('the style has nothing that a page would escape, and asks for nothing', () => {
    expect(STYLE).not.toMatch(/[<>&"'`]|url\(|@import/)
  })
})
