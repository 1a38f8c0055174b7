/**
 * Every native tool and every way in which the gateway refuses a call, as clients see them: what the text says the
 * structure says, and the other way round. `toolAnswer` of the support looks at each; here each is provoked.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import { approvalAnswer, approvalsFullResult } from '../../src/call/approval-answer.ts'
import { deadHandleResult, limitedResult, outboxFullResult } from '../../src/call/results.ts'
import type { ApprovalView } from '../../src/contract/approvals.ts'
import { nativeServerNames } from '../../src/names/native-servers.ts'
import type { Limited } from '../../src/policy/counting.ts'
import { reachableTools } from '../../src/servers/catalogue.ts'
import { crowdedResult } from '../../src/servers/kit/crowded.ts'
import { ASKS, track } from '../approvals/support.ts'
import { makeGrant } from '../support/admin.ts'
import { connect, fresh, installGrant, type Json, statelessCall } from '../support/gateway.ts'
import { type SaidTwice, saidOnce } from '../support/says-everything.ts'

beforeEach(fresh)

/** Arguments that the schema admits: the least that it asks for. */
function leastArguments(schema: Json): Json {
  const properties = schema.properties as Record<string, Json>
  const required = (schema.required ?? []) as string[]
  return Object.fromEntries(required.map((name) => [name, sample(properties[name] ?? {}, name)]))
}

const samples: Record<string, unknown> = {
  email_address: 'ana@example.com',
  ip: '192.0.2.1',
  first_six_digits_cc: '411111',
  last_four_digits_cc: '1111',
  holder_cpf: '52998224725',
  sale_datetime: '2026-01-01T00:00:00Z',
}

function sample(schema: Json, name: string): unknown {
  if (name in samples) return samples[name]
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (schema.const !== undefined) return schema.const
  const [first] = (schema.anyOf ?? schema.oneOf ?? []) as Json[]
  if (first !== undefined) return sample(first, name)
  if (schema.type === 'number' || schema.type === 'integer') return 1
  if (schema.type === 'boolean') return true
  if (schema.type === 'object') return leastArguments(schema)
  if (schema.type === 'array') return [sample(schema.items as Json, name)]
  return 'a-1'
}

const tools = reachableTools(new Set(nativeServerNames)).map(({ definition }) => definition)

describe.each(tools)('$name', ({ name, inputSchema, outputSchema }) => {
  const args = { ...leastArguments(inputSchema), ...(name === 'auth_login' ? { account_id: 'ana' } : {}) }

  test('answers in both eras, and what its schema requires is there', async () => {
    const session = await connect()
    for (const answer of [await session.call(name, args), await statelessCall(name, args)]) {
      expect([answer.isError, answer.text]).toEqual([false, answer.text])
      const { required = [] } = (outputSchema?.anyOf as [{ required?: string[] }] | undefined)?.[0] ?? {}
      for (const member of required) expect(answer.structured).toHaveProperty(member)
    }
  })

  test('says what is wrong with its arguments', async () => {
    const answer = await statelessCall(name, { nothing: 1 })
    expect([answer.isError, answer.code]).toEqual([true, 'invalid_arguments'])
    expect(answer.text).toMatch(/^Invalid arguments .*unknown argument.*\nError: /s)
  })
})

describe('a call that is refused', () => {
  test('by the policy, says the rule', async () => {
    const token = await installGrant('acme', 'bot', { policy: { version: '1', default: 'deny' } })
    const denied = await statelessCall('auth_whoami', {}, { token })
    expect(denied.isError).toBe(true)
    expect(denied.structured.error).toMatchObject({ rule: expect.any(String) })
  })

  test('by a limit, says when to try again', async () => {
    const limits = [{ counter: 'c', window: 'hour', max: 1 }]
    const policy = { version: '1', default: 'allow', tools: { auth_whoami: { limits } } }
    const token = await installGrant('acme', 'bot', { policy })
    await statelessCall('auth_whoami', {}, { token })
    const limited = await statelessCall('auth_whoami', {}, { token })
    const { retry_after_seconds: seconds, rule } = limited.structured.error as Json
    expect(limited.text).toMatch(`Retry after ${seconds} s`)
    expect(limited.text).toContain(String(rule))
  })

  test('for a card number, a failed login, a dead handle', async () => {
    const codes = [
      await statelessCall('track_logout', { account_id: '4111111111111111' }),
      await statelessCall('auth_login', { provider: 'jwt', token: 'nonsense' }),
      await statelessCall('auth_login', { provider: 'jwt' }),
      await statelessCall('track_logout', { account_id: 'ana', session: 'ses_nobody' }),
    ].map(({ code }) => code)
    expect(codes).toEqual(['card_number', 'login_failed', 'invalid_arguments', 'session_ended'])
  })

  test('until a person approves it, says where, and until when', async () => {
    const token = await makeGrant('acme', 'bot', ASKS)
    const held = await track(token)
    const { url, expires_at: until } = held.structured.error as Json
    expect(held.text).toContain(`It can be approved at ${url} .`)
    expect(held.text).toContain(String(until))
  })
})

describe('what is said without a call', () => {
  const limited: Limited = {
    rule: '/tools/x/limits/0',
    message: 'Slow down.',
    counter: 'spent',
    window: 'any 90 seconds',
    windowMs: 90_000,
    scope: 'account',
    unit: 'sum',
    strict: true,
    max: '100',
    remaining: '0.5',
    amount: '7.25',
    resetsAtMs: 90_000,
    nowMs: 1,
    canRetry: true,
  }
  const approval: ApprovalView = {
    id: 'apr_1',
    url: 'https://gate.example/approvals/apr_1',
    server: 'crm',
    tool: 'pay',
    rule: '/tools/pay/require_approval/0',
    message: 'Ask Ana.',
    state: 'pending',
    reason: null,
    expiresAtMs: 1_000,
  } as ApprovalView
  const held = (
    state: ApprovalView['state'],
    stopped: 'exhausted' | 'late' | null,
    reason: string | null,
  ) => {
    const message = { kind: 'request', era: 'session', id: 1, method: 'tools/call', body: {} } as never
    const answer = approvalAnswer(message, {
      approval: { ...approval, state, reason },
      stopped,
      client: null,
      protocolVersion: null,
    } as never)
    if (answer.kind !== 'result') throw new Error('it was put to a person')
    return answer.result
  }

  test.each([
    ['a limit with a sum', limitedResult(limited)],
    ['a limit that no wait helps with', limitedResult({ ...limited, canRetry: false, message: null })],
    ['a limit of calls', limitedResult({ ...limited, unit: 'calls', strict: false })],
    ['a dead handle', deadHandleResult()],
    ['a full outbox', outboxFullResult()],
    ['too many approvals', approvalsFullResult(100)],
    ['too many sessions', crowdedResult(100)],
    ['an approval that is needed', held('pending', null, null)],
    ['a denial', held('denied', null, 'Not today.')],
    ['a denial without reason', held('denied', null, null)],
    ['an approval that is used up', held('used', 'exhausted', null)],
    ['an approval that came late', held('used', 'late', null)],
  ])('%s', (_, result) => expect(saidOnce(result as SaidTwice)).toEqual([]))
})
