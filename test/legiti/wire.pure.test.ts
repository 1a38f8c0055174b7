import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LegitiToolName, legitiTools } from '../../src/legiti/tools/all.ts'
import { LATE_AFTER_MS, orderingKey, profiles, toWire } from '../../src/legiti/wire.ts'

/** The table of legiti.md. */
const TABLE: [LegitiToolName, string, string, string?][] = [
  ['evaluate_order', 'POST', '/v2/order'],
  ['update_order', 'PUT', '/v2/order'],
  ['mark_order_fraudulent', 'POST', '/v2/order/mark_fraudulent'],
  ['mark_dispute_resolution', 'POST', '/v2/order/mark_dispute_resolution'],
  ['evaluate_sale', 'POST', '/evaluation'],
  ['get_decision', 'GET', '/v2/order/s-1'],
  ['update_decision_status', 'POST', '/v2/order/decision'],
  ['track_account', 'POST', '/account', 'given'],
  ['track_signup', 'POST', '/account', 'create'],
  ['track_account_update', 'POST', '/account', 'update'],
  ['track_event', 'POST', '/event', 'given'],
  ['track_event_view', 'POST', '/event_view'],
  ['track_sale', 'POST', '/sale', 'given'],
  ['track_payment', 'POST', '/payment', 'given'],
  ['track_auth', 'POST', '/auth', 'given'],
  ['track_login', 'POST', '/auth', 'login'],
  ['track_logout', 'POST', '/auth', 'logout'],
  ['track_password_recovery', 'POST', '/auth', 'password_recovery'],
]

const AUTH_TOOLS = ['track_auth', 'track_login', 'track_logout', 'track_password_recovery']
const AT = 1_772_366_400_500
const late = { occurredAtMs: AT, sentAtMs: AT + LATE_AFTER_MS + 1 }
const onTime = { occurredAtMs: AT, sentAtMs: AT + LATE_AFTER_MS }

describe('the collection profile', () => {
  it.each(TABLE)('%s is %s %s', (tool, method, path, action) => {
    const args = {
      sale_id: 's-1',
      account_id: 'a-1',
      event_id: 'e-1',
      ...(action === 'given' ? { action: 'given' } : {}),
    }
    const request = toWire('collection', tool, args)
    expect([request.method, request.path]).toEqual([method, path])
    if (tool === 'get_decision') expect(request.body).toBeNull()
    else if (AUTH_TOOLS.includes(tool)) expect(request.body).toMatchObject({ account_id: 'a-1', action })
    else expect(request.body).toEqual({ ...args, ...(action === undefined ? {} : { action }) })
  })

  it('covers every tool', () => {
    expect(TABLE.map(([tool]) => tool)).toEqual(legitiTools.map((tool) => tool.name))
  })

  it('sends the smallest documented logout', () => {
    const request = toWire('collection', 'track_logout', { account_id: 'a-1' })
    expect(JSON.stringify(request)).toBe(
      '{"method":"POST","path":"/auth","body":{"account_id":"a-1","action":"logout"}}',
    )
  })

  it('sends with a logout what was given, and nothing else', () => {
    const args = {
      account_id: 'a-1',
      ip: '1.2.3.4',
      user_agent: 'x',
      timestamp: 5,
      success: true,
      action: 'login',
    }
    expect(toWire('collection', 'track_logout', args).body).toEqual({
      account_id: 'a-1',
      action: 'logout',
      ip: '1.2.3.4',
      user_agent: 'x',
      timestamp: 5,
    })
  })

  it.each([
    [{}, true],
    [{ success: true }, true],
    [{ success: false }, false],
  ])('says whether a login succeeded: %j', (given, success) => {
    const expected = { account_id: 'a-1', action: 'login', success }
    expect(toWire('collection', 'track_login', { account_id: 'a-1', ...given }).body).toEqual(expected)
    expect(toWire('collection', 'track_auth', { account_id: 'a-1', action: 'login', ...given }).body).toEqual(
      expected,
    )
  })

  it('says nothing of success where there is no login', () => {
    const args = { account_id: 'a-1', action: 'logout', success: false }
    expect(toWire('collection', 'track_auth', args).body).toEqual({ account_id: 'a-1', action: 'logout' })
  })

  it('sends a moment in Unix seconds, however it was given', () => {
    for (const name of ['sale_datetime', 'status_datetime', 'chargeback_datetime', 'resolution_datetime']) {
      const seconds = 1_772_366_400
      expect(toWire('collection', 'evaluate_order', { [name]: '2026-03-01T09:00:00-03:00' }).body).toEqual({
        [name]: seconds,
      })
      expect(toWire('collection', 'evaluate_order', { [name]: seconds }).body).toEqual({ [name]: seconds })
    }
  })

  it('leaves the arguments as they were, and out what is undefined', () => {
    const args = Object.freeze({ account_id: 'a-1', account_name: undefined })
    expect(Object.keys(toWire('collection', 'track_signup', args, late).body ?? {})).toEqual([
      'account_id',
      'timestamp',
      'action',
    ])
    expect(args).toEqual({ account_id: 'a-1', account_name: undefined })
  })
})

describe('the ticketing-v1 profile', () => {
  const auth = (tool: LegitiToolName, args: Record<string, unknown> = {}) =>
    toWire('ticketing-v1', tool, { account_id: 'a-1', ...args })

  it.each([
    ['track_logout', {}, 'logout'],
    ['track_login', {}, 'login_success'],
    ['track_login', { success: true }, 'login_success'],
    ['track_login', { success: false }, 'login_failure'],
    ['track_password_recovery', {}, 'password_recovery'],
    ['track_auth', { action: 'logout', success: false }, 'logout'],
    ['track_auth', { action: 'login', success: false }, 'login_failure'],
    ['track_auth', { action: 'password_recovery' }, 'password_recovery'],
  ] as const)('sends %s %j as %s', (tool, args, action_type) => {
    expect(auth(tool, args)).toEqual({
      method: 'POST',
      path: '/ticketing/v1/auth',
      body: { user_id: 'a-1', action_type },
    })
  })

  it('keeps address, user agent and time', () => {
    expect(auth('track_logout', { ip: '::1', user_agent: 'x', timestamp: 5 }).body).toEqual({
      user_id: 'a-1',
      action_type: 'logout',
      ip: '::1',
      user_agent: 'x',
      timestamp: 5,
    })
  })

  it('sends everything else as collection does', () => {
    const args = { sale_id: 's-1', account_id: 'a-1', event_id: 'e-1', action: 'update' }
    for (const { name } of legitiTools.filter((tool) => !AUTH_TOOLS.includes(tool.name))) {
      expect(toWire('ticketing-v1', name, args, late)).toEqual(toWire('collection', name, args, late))
    }
  })
})

describe('an event that is sent late', () => {
  it.each(profiles)('carries its own time, in whole seconds (%s)', (profile) => {
    expect(toWire(profile, 'track_logout', { account_id: 'a-1' }, late).body).toMatchObject({
      timestamp: 1_772_366_400,
    })
  })

  it.each(profiles)('and on time does not (%s)', (profile) => {
    expect(toWire(profile, 'track_logout', { account_id: 'a-1' }, onTime).body).not.toHaveProperty(
      'timestamp',
    )
    expect(toWire(profile, 'track_logout', { account_id: 'a-1' }).body).not.toHaveProperty('timestamp')
  })

  it.each(profiles)('keeps a time that it was given (%s)', (profile) => {
    const args = { account_id: 'a-1', timestamp: 1_700_000_000 }
    expect(toWire(profile, 'track_logout', args, late).body).toMatchObject({ timestamp: 1_700_000_000 })
  })

  it('gets none where the tool takes none', () => {
    for (const tool of legitiTools.filter(({ name }) => name !== 'get_decision')) {
      const body = toWire('collection', tool.name, { sale_id: 's-1' }, late).body ?? {}
      expect('timestamp' in body, tool.name).toBe('timestamp' in tool.input().shape)
    }
    expect(toWire('collection', 'update_order', { sale_id: 's-1' }, late).body).toEqual({ sale_id: 's-1' })
    expect(toWire('collection', 'get_decision', { sale_id: 's-1' }, late).body).toBeNull()
  })

  it('is late after more than a minute', () => {
    expect(LATE_AFTER_MS).toBe(60_000)
  })
})

describe('the path of get_decision', () => {
  const path = (sale_id: string) => toWire('collection', 'get_decision', { sale_id }).path

  it('encodes what would mean something else in a URL', () => {
    expect(path('a/b?c#d e%2F\\é')).toBe('/v2/order/a%2Fb%3Fc%23d%20e%252F%5C%C3%A9')
    expect(path('v1.2..3')).toBe('/v2/order/v1.2..3')
  })

  it('leads nowhere else by dots, not even by encoded ones, which the URL parser resolves too', () => {
    expect(new URL('https://x/v2/order/%2E%2E').pathname).toBe('/v2/')
    expect(new URL(`https://x${path('..')}`).pathname).toBe('/v2/order/%252E%252E')
    expect(new URL(`https://x${path('.')}`).pathname).toBe('/v2/order/%252E')
  })

  it('stays one segment below /v2/order for any id at all', () => {
    const dots = fc.string({
      unit: fc.constantFrom('.', '/', '\\', '%', '2', 'E', 'e', '?', '#'),
      minLength: 1,
    })
    const anyText = fc.string({ unit: 'binary', minLength: 1 })
    const utf16 = fc
      .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1 })
      .map((units) => String.fromCharCode(...units))
    fc.assert(
      fc.property(fc.oneof(dots, anyText, utf16), (id) => {
        const written = path(id)
        expect(written.split('/')).not.toContain('..')
        const url = new URL(`https://host.example${written}`)
        expect(url.pathname).toBe(written)
        expect(url.pathname.split('/')).toHaveLength(4)
        expect(url.search + url.hash).toBe('')
        if (id !== '.' && id !== '..')
          expect(decodeURIComponent(written.slice('/v2/order/'.length))).toBe(id.toWellFormed())
      }),
    )
  })
})

describe('the ordering key', () => {
  it('is the account, else the sale, else the event', () => {
    const all = { account_id: 'a', sale_id: 's', event_id: 'e' }
    expect(orderingKey('track_sale', all)).toBe('account:a')
    expect(orderingKey('track_payment', { sale_id: 's', event_id: 'e' })).toBe('sale:s')
    expect(orderingKey('track_event_view', { event_id: 'e' })).toBe('event:e')
    expect(orderingKey('track_event', {})).toBeNull()
  })

  it('passes over what is no id', () => {
    expect(orderingKey('track_sale', { account_id: '', sale_id: 7, event_id: 'e' })).toBe('event:e')
  })

  it('is the same for every tool that speaks of one account', () => {
    const keys = legitiTools.map(({ name }) => orderingKey(name, { account_id: 'a' }))
    expect(new Set(keys)).toEqual(new Set(['account:a']))
  })
})
