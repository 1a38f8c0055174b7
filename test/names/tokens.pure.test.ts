import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isDeeperThan } from '../../src/base/depth.ts'
import { decodeHeaderValue } from '../../src/base/header-value.ts'
import { isLoopback } from '../../src/base/loopback.ts'
import { bearerToken, isName, parseToken, withCheck } from '../../src/names/tokens.ts'

describe('a token', () => {
  test('names tenant, grant and secret', () => {
    expect(parseToken('gh_demo_agent_insecure-local-token')).toEqual({
      tenant: 'demo',
      grant: 'agent',
      secret: 'insecure-local-token',
    })
  })

  test('may have underscores in its secret, and nowhere else', () => {
    expect(parseToken('gh_a_b_c_d_e_f_0123456789')).toEqual({
      tenant: 'a',
      grant: 'b',
      secret: 'c_d_e_f_0123456789',
    })
  })

  test.each([
    '',
    'gh_',
    'gh_a_b_short',
    'GH_a_b_0123456789abcdef',
    'gh_A_b_0123456789abcdef',
    'gh_-a_b_0123456789abcdef',
    'gh_a-_b_0123456789abcdef',
    `gh_${'a'.repeat(64)}_b_0123456789abcdef`,
    'gh_a_b_0123456789abcde!',
    'gh_a_b_0123456789abcdef\n',
    `gh_a_b_${'x'.repeat(600)}`,
    'gh_a/b_c_0123456789abcdef',
  ])('%j is none', (text) => {
    expect(parseToken(text)).toBeNull()
  })

  test('of good names and a good secret is read back as it was put together', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
    const secret = fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/)
    fc.assert(
      fc.property(name, name, secret, (tenant, grant, part) => {
        expect(isName(tenant)).toBe(true)
        expect(parseToken(`gh_${tenant}_${grant}_${part}`)).toEqual({ tenant, grant, secret: part })
      }),
    )
  })
})

test.each([
  ['Bearer abc', 'abc'],
  ['bearer   abc ', 'abc'],
  ['Basic abc', null],
  ['Bearer', null],
  ['Bearer a b', null],
  [null, null],
])('Authorization: %j holds %j', (header, token) => {
  expect(bearerToken(header)).toBe(token)
})

test.each([
  ['plain', 'plain'],
  [' padded ', 'padded'],
  ['=?base64?w6c=?=', 'ç'],
  ['=?BASE64?YQ==?=', 'a'],
  ['=?base64??=', ''],
  ['=?base64?YQ?=', null],
  ['=?base64?!!!?=', null],
  ['=?base64?/w==?=', null],
  ['=?base64?YQ==', '=?base64?YQ=='],
])('the header value %j means %j', (value, text) => {
  expect(decodeHeaderValue(value)).toBe(text)
})

describe('depth of JSON text', () => {
  test('is what the parsed value has', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const levels = depth(value)
        const text = JSON.stringify(value)
        expect(isDeeperThan(text, levels)).toBe(false)
        if (levels > 0) expect(isDeeperThan(text, levels - 1)).toBe(true)
      }),
    )
  })

  test('does not count brackets in strings', () => {
    expect(isDeeperThan(JSON.stringify(['[[[["\\[[[[']), 1)).toBe(false)
  })
})

test.each([
  ['127.0.0.1', true],
  ['localhost', true],
  ['LOCALHOST', true],
  ['demo.localhost', true],
  ['[::1]', true],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
  ['notlocalhost', false],
  ['0.0.0.0', false],
])('%s is this machine: %s', (hostname, expected) => {
  expect(isLoopback(hostname)).toBe(expected)
})

describe('check digits', () => {
  const before = 'gh_acme_bot_'
  const secret = withCheck(before, 'Aa0_-'.repeat(9).slice(0, 43))
  const token = before + secret

  test('are behind the secret of a new token, and part of it', () => {
    expect(secret).toHaveLength(51)
    expect(parseToken(token)).toEqual({ tenant: 'acme', grant: 'bot', secret })
  })

  test('give away every token with one other character, wherever it stands', () => {
    for (let at = before.length; at < token.length; at++) {
      const other = token[at] === 'b' ? 'c' : 'b'
      expect(parseToken(token.slice(0, at) + other + token.slice(at + 1))).toBeNull()
    }
    expect(parseToken(`gh_acme_bots_${secret}`)).toBeNull()
    expect(parseToken(`gh_globex_bot_${secret}`)).toBeNull()
  })

  test('are not asked of a token from before there were any', () => {
    for (const old of ['insecure-local-token', 'x'.repeat(43), 'x'.repeat(256)])
      expect(parseToken(before + old)?.secret).toBe(old)
  })
})
