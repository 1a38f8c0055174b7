/** The answers of a batch are held until the last has come, so they have a bound together; what does not fit costs its own message alone. */
import { beforeEach, expect, inject, test } from 'vitest'
import { MOST_ANSWERS_CHARS } from '../../src/mcp/batch.ts'
import { adminWith } from '../support/admin.ts'
import { connect, fresh, request } from '../support/gateway.ts'

const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
const BYTES = Math.ceil(MOST_ANSWERS_CHARS * 0.6)

beforeEach(fresh)

test.each(['json', 'stream'])('answers that are too large together, as %s', async (form) => {
  const put = async (path: string, body: unknown) =>
    (await adminWith(bindings, 'PUT', `acme/${path}`, body)).body
  await put('servers/crm', { url: inject('upstream'), breaker: { failures: 1_000 } })
  await put('policies/main', { version: '1', default: 'allow' })
  const token = String((await put('grants/bot', { policy: 'main', servers: ['crm'] }))?.token)
  const client = await connect({ token, protocolVersion: '2025-03-26' })
  const echo = (behave?: object) =>
    request('tools/call', { name: 'crm__echo', arguments: { text: 'hi', ...(behave ? { behave } : {}) } })
  const large = { kind: 'large', bytes: BYTES, in: form }
  const answer = await client.send([echo(large), echo(large), echo()])
  const answers = answer.body as unknown as Record<string, Record<string, unknown>>[]
  expect(answers).toHaveLength(3)
  expect(answers.map((it) => it.error?.code ?? 'result')).toEqual(['result', -32_603, 'result'])
  expect(answers[1]?.error?.message).toContain('too large')
})
