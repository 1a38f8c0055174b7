/** A needle is found in every form, wherever it stands, and what is told of it does not repeat it. */
import { describe, expect, test } from 'vitest'
import { findingsIn, told } from '../support/leaks/findings.ts'
import { whyMayStand } from '../support/leaks/may-stand.ts'
import { makeNeedles } from '../support/leaks/needles.ts'
import { searcherOf } from '../support/leaks/search.ts'
import { hearAnswer, hearRequest } from '../support/leaks/spoken.ts'

const VALUE = 'pässword "of" the/store+1'
const PLACE = { store: 'PrincipalObject', table: 'audit', column: 'rule' }

const utf8 = new TextEncoder()
const bytes = utf8.encode(VALUE)
const binary = (of: Uint8Array) => Array.from(of, (byte) => String.fromCharCode(byte)).join('')
const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** How a careless program would write it, each way written by other means than the search's own. */
const written: readonly (readonly [string, string | Uint8Array])[] = [
  ['plain', `before ${VALUE} after`],
  ['plain', utf8.encode(VALUE)],
  ['JSON', JSON.stringify({ note: VALUE })],
  ['JSON in JSON', JSON.stringify({ note: JSON.stringify({ note: VALUE }) })],
  ['URL', `https://x.example/?q=${encodeURIComponent(VALUE)}`],
  ['URL', `https://x.example/?${new URLSearchParams({ q: VALUE })}`],
  ['hex', `x'${hex}'`],
  ['hex', hex.toUpperCase()],
  ['base64', btoa(binary(bytes))],
  ['base64', btoa(`a${binary(bytes)}b`)],
  ['base64', btoa(`ab${binary(bytes)}`)],
  [
    'base64',
    btoa(`id:${binary(bytes)}`)
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  ],
  ['UTF-16', Uint8Array.from([...VALUE].flatMap((it) => [it.charCodeAt(0) & 0xff, it.charCodeAt(0) >> 8]))],
]

function searcherFor(value: string | Uint8Array) {
  const needles = makeNeedles()
  needles.add('password', 'the password', value)
  return searcherOf(needles.all())
}

describe('a value', () => {
  test.each(written)('is found as %s: %#', (form, hay) => {
    expect(
      searcherFor(VALUE)
        .search(hay)
        .map((hit) => hit.form),
    ).toContain(form)
  })

  test.each(written)('is not found in another one’s place, as %s: %#', (_, hay) => {
    expect(searcherFor(VALUE.replace('store', 'Store')).search(hay)).toEqual([])
  })

  test('that is no text is found as bytes, as hex and as base64', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 200 - i)
    const searcher = searcherFor(key)
    for (const hay of [key, binary(key).length > 0 && btoa(binary(key)), Buffer.from(key).toString('hex')])
      expect(searcher.search(hay as string)).toHaveLength(1)
  })

  test('is found at the very end and the very beginning, and among many', () => {
    const needles = makeNeedles()
    for (let i = 0; i < 500; i++) needles.add('token', `token ${i}`, `gh_acme_bot_${i}-secret`)
    const searcher = searcherOf(needles.all())
    const hay = `gh_acme_bot_7-secret${'gh_acme_bot_'.repeat(1_000)}gh_acme_bot_499-secret`
    expect(searcher.search(hay).map(({ needle }) => needle.label)).toEqual(['token 7', 'token 499'])
  })

  test('is never repeated by what is told of it', () => {
    const findings = findingsIn(searcherFor(VALUE), VALUE, 'PrincipalObject/1.sqlite', PLACE)
    expect(told(findings)).toBe(
      'PrincipalObject/1.sqlite, table audit, column rule: password: the password (plain)',
    )
  })
})

describe('what is heard', () => {
  const heard = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const needles = makeNeedles()
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    hearRequest(needles, { path, header: (name) => headers[name] ?? null, body: text })
    return needles.all().map(({ kind, text: it }) => `${kind}: ${it}`)
  }
  const call = (name: string, args: unknown) => ({ method: 'tools/call', params: { name, arguments: args } })

  test('of a token is the whole, and its secret part', () => {
    const headers = { authorization: 'Bearer gh_acme_bot_abcdefgh' }
    expect(heard('/mcp', '', headers)).toEqual(['token: gh_acme_bot_abcdefgh', 'token: abcdefgh'])
    const person = { authorization: 'Bearer gha_acme_ana_abcd_fgh' }
    expect(heard('/api/v1/tenants', '', person)).toEqual(['token: gha_acme_ana_abcd_fgh', 'token: abcd_fgh'])
  })

  test('of a call is every long text and number, however deep, and of a batch every call', () => {
    const args = { a: [{ b: 'a long enough text' }], c: 1234567890123456, d: 'short' }
    const both = ['argument: a long enough text', 'argument: 1234567890123456']
    expect(heard('/mcp', call('crm__x', args))).toEqual(both)
    expect(heard('/t/acme/mcp/crm', [{ method: 'ping' }, call('x', args)])).toEqual(both)
  })

  test('of a login is what proves it, and not who it is', () => {
    const args = { provider: 'magento-customer', username: 'ana@shop.example', password: 'correct horse' }
    expect(heard('/mcp', call('auth_login', args))).toEqual(['password: correct horse'])
    const jwt = { provider: 'jwt', token: 'eyJhbGciOi.J9.sig', account_id: 'account-of-ana' }
    expect(heard('/mcp', call('auth_login', jwt))).toEqual(['identity token: eyJhbGciOi.J9.sig'])
    expect(heard('/oidc/backchannel-logout', 'logout_token=eyJhbGciOi.J9.sig')).toHaveLength(1)
  })

  test('of an administrator are header values and secrets; of the answers, what is told once', () => {
    const server = { url: 'https://crm.example/mcp', headers: { 'x-key': 'value-of-it' } }
    expect(heard('/api/v1/tenants/acme/servers/crm', server)).toEqual(['credential: value-of-it'])
    expect(heard('/api/v1/tenants/acme/secrets/crm', { value: 'value-of-it' })).toEqual([
      'named secret: value-of-it',
    ])
    const needles = makeNeedles()
    hearAnswer(needles, '/api/v1/tenants/acme/webhooks/ops', '{"secret":"whsec_abcdefgh"}')
    hearAnswer(needles, '/api/v1/tenants/acme/grants/bot', '{"token":"gh_acme_bot_abcdefgh"}')
    expect(needles.all()).toHaveLength(3)
  })

  test('of a client that answers a server is what it answers', () => {
    const answer = { id: 1, result: { action: 'accept', content: { name: 'Anastasia Example' } } }
    expect(heard('/mcp', answer)).toEqual(['answer: Anastasia Example'])
  })
})

describe('what may stand', () => {
  const needles = makeNeedles()
  needles.add('argument', 'of Legiti', 'sale-1234567890', 'evaluate_order')
  needles.add('argument', 'of another', 'text-1234567890', 'echo')
  needles.addToken('a token', 'gh_acme_bot_abcdefgh')
  const [legiti, other, token] = needles.all()
  const outbox = { store: 'PrincipalObject', table: 'outbox', column: 'args' }

  test('is an event in the outbox, and there alone', () => {
    if (legiti === undefined || other === undefined || token === undefined) throw new Error('none')
    expect(whyMayStand(legiti, outbox)).not.toBeNull()
    expect(whyMayStand(legiti, { ...outbox, column: 'last_error' })).toBeNull()
    expect(whyMayStand(legiti, PLACE)).toBeNull()
    expect(whyMayStand(legiti, { store: 'log', table: null, column: null })).toBeNull()
    expect(whyMayStand(legiti, { store: 'AUDIT_DB', table: null, column: null })).toBeNull()
    for (const needle of [other, token]) expect(whyMayStand(needle, outbox)).toBeNull()
  })
})
