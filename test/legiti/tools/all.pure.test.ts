import { describe, expect, it } from 'vitest'
import {
  findLegitiTool,
  type LegitiToolName,
  legitiToolNames,
  legitiTools,
} from '../../../src/legiti/tools/all.ts'
import { findCardNumber } from '../../../src/legiti/tools/card.ts'
import { inputSchema } from '../../../src/servers/kit/schemas.ts'

/** One valid value of every argument that some tool requires. */
const VALUES: Record<string, unknown> = {
  sale_id: 's-1',
  account_id: 'a-1',
  event_id: 'e-1',
  event_date_id: 'd-1',
  sale_datetime: '2026-03-01T20:30:00-03:00',
  sale_total_value: 199.9,
  first_six_digits_cc: '411111',
  last_four_digits_cc: '1111',
  holder_cpf: '123.456.789-09',
  resolution: 'won',
  status: 'accept',
  action: 'update',
}

const EVALUATED = [
  'sale_id',
  'account_id',
  'sale_datetime',
  'sale_total_value',
  'first_six_digits_cc',
  'last_four_digits_cc',
  'holder_cpf',
]

/** The table of legiti.md: what each tool requires. */
const REQUIRED: Record<LegitiToolName, string[]> = {
  evaluate_order: EVALUATED,
  update_order: ['sale_id', 'status'],
  mark_order_fraudulent: ['sale_id'],
  mark_dispute_resolution: ['sale_id', 'resolution'],
  evaluate_sale: [...EVALUATED, 'event_date_id'],
  get_decision: ['sale_id'],
  update_decision_status: ['sale_id', 'status'],
  track_account: ['action', 'account_id'],
  track_signup: ['account_id'],
  track_account_update: ['account_id'],
  track_event: ['action', 'event_id'],
  track_event_view: ['event_id'],
  track_sale: ['action', 'sale_id', 'account_id'],
  track_payment: ['action', 'sale_id'],
  track_auth: ['action', 'account_id'],
  track_login: ['account_id'],
  track_logout: ['account_id'],
  track_password_recovery: ['account_id'],
}

const ACTIONS: Partial<Record<LegitiToolName, string[]>> = {
  track_account: ['create', 'update', 'delete'],
  track_payment: ['authorize', 'capture', 'refund', 'void'],
  track_auth: ['login', 'logout', 'password_recovery'],
}

function tool(name: LegitiToolName) {
  const found = findLegitiTool(name)
  if (found === null) throw new Error(`no tool ${name}`)
  return found
}

const accepts = (name: LegitiToolName, args: Record<string, unknown>) =>
  tool(name).input().safeParse(args).success

/** The least that a tool accepts. */
function least(name: LegitiToolName): Record<string, unknown> {
  const action = ACTIONS[name]?.[0] ?? VALUES.action
  return Object.fromEntries(REQUIRED[name].map((key) => [key, key === 'action' ? action : VALUES[key]]))
}

describe('the list', () => {
  it('has the eighteen tools in the order of the table', () => {
    expect(legitiTools.map(({ name }) => name)).toEqual(Object.keys(REQUIRED))
    expect(legitiToolNames).toEqual(Object.keys(REQUIRED))
    expect(legitiTools).toHaveLength(18)
  })

  it('finds a tool by its exact name only', () => {
    expect(findLegitiTool('track_logout')?.name).toBe('track_logout')
    for (const name of ['Track_logout', 'track_logout ', '', 'constructor', '__proto__']) {
      expect(findLegitiTool(name)).toBeNull()
    }
  })
})

describe.each(legitiTools)('$name', ({ name, kind, title, description, annotations, input }) => {
  it('accepts exactly its required arguments', () => {
    expect(input().safeParse(least(name)).error).toBeUndefined()
    for (const key of REQUIRED[name]) {
      const { [key]: _left, ...rest } = least(name)
      expect(input().safeParse(rest).success, `without ${key}`).toBe(false)
    }
  })

  it('refuses an argument that it does not know', () => {
    for (const key of ['card_number', 'pan', 'cvv', 'Account_id', '']) {
      expect(input().safeParse({ ...least(name), [key]: 'x' }).success, key).toBe(false)
    }
    expect(
      input().safeParse(JSON.parse(JSON.stringify(least(name)).replace('{', '{"__proto__":{},'))).success,
    ).toBe(false)
  })

  it('changes nothing in what it accepts', () => {
    expect(input().parse(least(name))).toEqual(least(name))
  })

  it('has a closed JSON Schema with the same required arguments', () => {
    const schema = inputSchema(tool(name).input())
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false })
    expect(new Set(schema.required)).toEqual(new Set(REQUIRED[name]))
  })

  it('describes every argument, and closes every object inside', () => {
    const schema = inputSchema(tool(name).input())
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      expect(property, key).toHaveProperty('description')
    }
    for (const part of objectsIn(schema)) expect(part.additionalProperties).toBe(false)
  })

  it('is told to an agent, and to a person', () => {
    expect(title.length).toBeGreaterThan(5)
    expect(description.length).toBeGreaterThan(120)
    if (name !== 'get_decision') expect(description).toMatch(/card/)
    expect(findCardNumber([title, description, inputSchema(tool(name).input())])).toBeNull()
  })

  it('is a notification exactly when it is a track_ tool', () => {
    expect(kind).toBe(name.startsWith('track_') ? 'notification' : 'decision')
    if (kind === 'notification') {
      expect(annotations).toEqual({
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: true,
      })
    }
  })

  it('takes an action only where the table has one', () => {
    const expected = REQUIRED[name].includes('action')
    expect('action' in input().shape).toBe(expected)
  })

  it('takes the time of what happened, when it is queued', () => {
    if (kind === 'notification') {
      expect(input().safeParse({ ...least(name), timestamp: 1_772_366_400 }).success).toBe(true)
      expect(input().safeParse({ ...least(name), timestamp: 1_772_366_400_000 }).success).toBe(false)
    }
  })
})

describe('annotations', () => {
  it('call get_decision alone read-only', () => {
    expect(legitiTools.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name)).toEqual(
      ['get_decision'],
    )
  })

  it('call destructive what no tool takes back', () => {
    expect(
      legitiTools.filter(({ annotations }) => annotations.destructiveHint).map(({ name }) => name),
    ).toEqual(['mark_order_fraudulent', 'mark_dispute_resolution', 'update_decision_status'])
  })
})

describe('closed lists', () => {
  it.each(Object.entries(ACTIONS))('%s takes the actions %j and no other', (name, actions) => {
    const toolName = tool(name as LegitiToolName).name
    for (const action of actions) expect(accepts(toolName, { ...least(toolName), action })).toBe(true)
    for (const action of ['', 'Create', 'cancel', 'login_success']) {
      expect(accepts(toolName, { ...least(toolName), action }), action).toBe(false)
    }
  })

  it.each(['track_event', 'track_sale'] as const)(
    '%s takes any short action, for Legiti documents no list',
    (name) => {
      for (const action of ['create', 'cancel', 'x'.repeat(64)])
        expect(accepts(name, { ...least(name), action })).toBe(true)
      for (const action of ['', ' ', 'x'.repeat(65)])
        expect(accepts(name, { ...least(name), action })).toBe(false)
    },
  )

  it('resolution is won or lost, a verdict accept or decline, a status of an order free', () => {
    for (const resolution of ['won', 'lost'])
      expect(accepts('mark_dispute_resolution', { sale_id: 's', resolution })).toBe(true)
    expect(accepts('mark_dispute_resolution', { sale_id: 's', resolution: 'draw' })).toBe(false)
    for (const status of ['accept', 'decline'])
      expect(accepts('update_decision_status', { sale_id: 's', status })).toBe(true)
    expect(accepts('update_decision_status', { sale_id: 's', status: 'approve' })).toBe(false)
    expect(accepts('update_order', { sale_id: 's', status: 'anything' })).toBe(true)
    expect(accepts('update_order', { sale_id: 's', status: '' })).toBe(false)
  })

  it('a payment is by credit, debit, boleto or pix', () => {
    for (const method of ['credit', 'debit', 'boleto', 'pix']) {
      expect(accepts('track_payment', { ...least('track_payment'), method })).toBe(true)
    }
    expect(accepts('track_payment', { ...least('track_payment'), method: 'cash' })).toBe(false)
  })
})

describe('optional arguments', () => {
  it.each([
    ['track_login', { success: false, ip: '1.2.3.4', user_agent: 'x' }],
    ['track_auth', { success: false }],
    ['track_logout', { ip: '2001:db8::1', user_agent: 'x' }],
    ['track_event_view', { account_id: 'a-1', event_date_id: 'd-1', referrer: 'https://example.com/' }],
    [
      'track_signup',
      { account_email: 'a@b.com', account_name: 'Ana', account_phone: '+5511987654321', ip: '1.2.3.4' },
    ],
    [
      'track_account',
      { account_cpf: '12345678909', account_address: { city: 'São Paulo', zip_code: '01310-100' } },
    ],
    [
      'track_sale',
      {
        request_evaluation: true,
        sale_items: [{ item_id: 'i', quantity: 2, unit_price: 25 }],
        payment: { method: 'pix' },
      },
    ],
    [
      'track_payment',
      { payment_id: 'p', installments: 3, amount: 10.01, status: 'declined', decline_reason: 'funds' },
    ],
    [
      'track_event',
      { event_name: 'Show', event_dates: [{ event_date_id: 'd', datetime: 1_772_366_400, capacity: 0 }] },
    ],
    [
      'evaluate_order',
      { event_date_id: 'd', billing_address: {}, shipping_address: {}, ip: '::1', request_evaluation: false },
    ],
    ['update_order', { reason: 'asked', status_datetime: 1_772_366_400 }],
    ['mark_order_fraudulent', { amount: 5, chargeback_reason: '10.4', chargeback_datetime: 1_772_366_400 }],
    ['mark_dispute_resolution', { resolution_datetime: '2026-03-01T00:00:00Z', resolution_reason: 'proof' }],
    ['update_decision_status', { analyst_id: 'an', reason: 'known buyer', timestamp: 1_772_366_400 }],
  ] as const)('%s takes %j', (name, args) => {
    expect(
      tool(name)
        .input()
        .safeParse({ ...least(name), ...args }).error,
    ).toBeUndefined()
  })

  it.each([
    ['track_logout', 'success'],
    ['track_logout', 'action'],
    ['track_login', 'action'],
    ['track_signup', 'action'],
    ['track_account_update', 'action'],
    ['track_password_recovery', 'action'],
    ['track_password_recovery', 'success'],
    ['get_decision', 'timestamp'],
  ] as const)('%s takes no %s', (name, key) => {
    expect(key in tool(name).input().shape).toBe(false)
  })
})

function objectsIn(schema: unknown): Record<string, unknown>[] {
  if (typeof schema !== 'object' || schema === null) return []
  const inside = Object.values(schema).flatMap(objectsIn)
  return 'type' in schema && schema.type === 'object' ? [{ ...schema }, ...inside] : inside
}
