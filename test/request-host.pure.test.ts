import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostnameOf, hostOf } from '../src/base/request-host.ts'

test('is what the URL says, the second time, too', () => {
  fc.assert(
    fc.property(
      fc.webUrl({
        authoritySettings: { withIPv4: true, withIPv6: true, withPort: true },
        withQueryParameters: true,
      }),
      (text) => {
        // As the runtime writes the URL of a request.
        const { href, host, hostname } = new URL(text)
        for (let i = 0; i < 2; i++) expect([hostOf(href), hostnameOf(href)]).toEqual([host, hostname])
      },
    ),
    { numRuns: 500 },
  )
})

test.each([
  ['http://127.0.0.1:8787/mcp', '127.0.0.1'],
  ['http://[::1]:8787/mcp', '[::1]'],
  ['https://a.example/x//y', 'a.example'],
  ['https://a.example', 'a.example'],
])('%s', (url, hostname) => {
  expect(hostnameOf(url)).toBe(hostname)
})
