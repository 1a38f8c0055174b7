/** What an administrator may write about an upstream server, and what is said about the rest. */
import { describe, expect, test } from 'vitest'
import { readServerDocument } from '../../src/contract/server-document.ts'

const URL_ = 'https://crm.example.com/mcp'
const problems = (value: unknown, allowPrivate = false) => {
  const read = readServerDocument(value, allowPrivate)
  return read.ok ? [] : read.problems
}
const headers = (value: unknown) => problems({ url: URL_, headers: value })

test('everything but the URL has a default', () => {
  expect(readServerDocument({ url: URL_ }, false)).toEqual({
    ok: true,
    document: {
      url: URL_,
      headers: {},
      era: 'auto',
      timeouts: { response_seconds: 30, idle_seconds: 120, call_seconds: 900, list_seconds: 5 },
      limits: { response_bytes: 67_108_864, concurrent: 64 },
      breaker: { failures: 5, open_seconds: 30 },
      on_drift: 'report',
      enabled: true,
    },
  })
})

test('header names are in lower case', () => {
  const read = readServerDocument(
    { url: URL_, headers: { Authorization: 'Bearer x', 'X-Team': 'a b' } },
    false,
  )
  expect(read.ok && read.document.headers).toEqual({ authorization: 'Bearer x', 'x-team': 'a b' })
})

describe('the URL', () => {
  test.each([
    ['nonsense', '/url: found text that is no absolute URL; allowed: an https URL'],
    ['/mcp', '/url: found text that is no absolute URL; allowed: an https URL'],
    ['ftp://a.example', '/url: found the scheme "ftp:"; allowed: an https URL'],
    [
      'http://a.example',
      '/url: found an http URL (unencrypted is only for ALLOW_PRIVATE_UPSTREAMS); allowed: an https URL',
    ],
    [
      'https://u:hunter2@a.example',
      '/url: found a URL with user name or password (credentials belong into headers); allowed: an https URL',
    ],
    ['https://a.example/#x', '/url: found a URL with a fragment; allowed: an https URL'],
    ['https://a.example/#', '/url: found a URL with a fragment; allowed: an https URL'],
  ])('%s', (url, problem) => {
    expect(problems({ url })).toEqual([problem])
  })

  test('may be http where private upstreams are allowed', () => {
    expect(problems({ url: 'http://127.0.0.1:9000/mcp' }, true)).toEqual([])
  })

  test('of another type, missing, or too long', () => {
    expect(problems({})).toEqual(['/url: found nothing; allowed: string'])
    expect(problems({ url: 7 })).toEqual(['/url: found 7; allowed: string'])
    expect(problems({ url: `https://a.example/${'x'.repeat(2_048)}` })).toEqual([
      '/url: found a string of 2066 characters; allowed: a URL of 1 to 2048 characters',
    ])
    expect(problems('x')).toEqual(['(document): found "x"; allowed: object'])
  })
})

describe('headers', () => {
  test.each([
    'host',
    'Host',
    'connection',
    'keep-alive',
    'te',
    'transfer-encoding',
    'upgrade',
    'proxy-authorization',
    'content-type',
    'content-length',
    'mcp-session-id',
    'cookie',
    'set-cookie',
    'accept',
    'cf-connecting-ip',
    'CF-Access-Jwt-Assertion',
    'cf-access-token',
    'cf-access-client-id-2',
    'cf-worker',
    'x-forwarded-for',
    'sec-fetch-site',
    'traceparent',
    'last-event-id',
  ])('%s is the gateway’s own', (name) => {
    expect(headers({ [name]: 'x' })).toEqual([
      expect.stringContaining(
        `/headers/${name}: found the header ${name.toLowerCase()}; allowed: any header but cf-*`,
      ),
    ])
  })

  test('a service token of Cloudflare Access may be sent, as a text or as secrets', () => {
    expect(headers({ 'CF-Access-Client-Id': 'x.access', 'CF-Access-Client-Secret': 'y' })).toEqual([])
    const value = { 'CF-Access-Client-Id': 'x.access', 'CF-Access-Client-Secret': { secret: 'crm' } }
    const read = readServerDocument({ url: URL_, headers: value }, false)
    expect(read.ok && read.document.headers).toEqual({
      'cf-access-client-id': 'x.access',
      'cf-access-client-secret': { secret: 'crm', prefix: '' },
    })
  })

  test.each([
    ['CF-Access-Client-Id', 'cf-access-client-secret'],
    ['cf-access-client-secret', 'cf-access-client-id'],
  ])('%s without the other half is refused', (name, missing) => {
    expect(headers({ [name]: 'hunter2' })).toEqual([
      `/headers: found no header ${missing}; allowed: cf-access-client-id and cf-access-client-secret, or neither`,
    ])
  })

  test.each([
    [{ 'a b': 'x' }, '/headers/a b: found the name "a b"; allowed: 1 to 128 of'],
    [{ '': 'x' }, '/headers/: found the name ""'],
    [{ 'x-ä': 'x' }, '/headers/x-ä: found the name "x-ä"'],
    [{ ['x'.repeat(129)]: 'x' }, 'found a name of 129 characters'],
    [{ 'x-a': 'one', 'X-A': 'two' }, '/headers/X-A: found the header x-a again; allowed: each header once'],
    [{ 'x-a': 7 }, '/headers/x-a: found a value that is no text'],
    [{ 'x-a': '' }, '/headers/x-a: found an empty value'],
    [
      { 'x-a': 'hunter2\r\nhost: evil' },
      '/headers/x-a: found a value with characters that a header cannot have',
    ],
    [{ 'x-a': ' hunter2' }, '/headers/x-a: found a value with characters that a header cannot have'],
    [{ 'x-a': 'hünter2' }, '/headers/x-a: found a value with characters that a header cannot have'],
    [{ 'x-a': 'x'.repeat(8_193) }, '/headers/x-a: found a value of 8193 characters'],
    ['hunter2', '/headers: found a value of type string; allowed: an object of header names and values'],
    [
      Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`x-${i}`, 'v'])),
      '/headers: found 33 headers; allowed: at most 32 headers',
    ],
    [
      Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`x-${i}`, 'v'.repeat(8_000)])),
      '/headers: found 40015 bytes in all; allowed: at most 32768 bytes in all',
    ],
  ])('%#: refused without a word of the value', (value, problem) => {
    const said = headers(value)
    expect(said).toEqual([expect.stringContaining(problem)])
    expect(said.join()).not.toMatch(/hunter2|hünter2/)
  })
})

test('every problem is named at once', () => {
  expect(
    problems({
      url: 'http://a.example',
      headers: { host: 'x' },
      timeouts: { call_seconds: 0, idle_second: 1 },
      limits: { concurrent: 'many' },
      on_drift: 'ignore',
      era: 'modern',
      enable: true,
    }),
  ).toEqual(
    expect.arrayContaining([
      expect.stringContaining('/url: found an http URL'),
      expect.stringContaining('/headers/host'),
      '/timeouts/call_seconds: found 0; allowed: a whole number from 1 to 86400',
      '/timeouts/idle_second: found the unknown name "idle_second"; allowed: response_seconds, idle_seconds, call_seconds, list_seconds; did you mean "idle_seconds"?',
      '/limits/concurrent: found "many"; allowed: number',
      '/on_drift: found "ignore"; allowed: "report", "hide", "block"',
      '/era: found "modern"; allowed: "auto", "session", "stateless"',
      expect.stringContaining('/enable: found the unknown name "enable"; allowed: url, headers'),
    ]),
  )
})
