/** What the record says of changes that could hide something, or send it elsewhere. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { admin, makeGrant, tenantRows } from '../support/admin.ts'
import { behave, connect, fresh, settled } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(async () => {
  await behave('ok')
})

async function recorded(action: string) {
  const changes = await tenantRows<{ actor: string; action: string; subject: string; detail: string }>(
    'acme',
    'SELECT actor, action, subject, detail FROM changes ORDER BY seq',
  )
  return changes
    .filter((it) => it.action === action)
    .map(({ actor, subject, detail }) => ({ actor, subject, detail: JSON.parse(detail) as unknown }))
}

test('a dead letter that is sent again is on record; one that is not there is not', async () => {
  await admin('PUT', 'acme', { identity: { trusted: true } })
  const client = await connect({ token: await makeGrant('acme', 'bot') })
  await behave('reject')
  await client.login('ana')
  await settled('acme/bot')
  const outbox = 'acme/grants/bot/outbox/events'
  const dead = await admin('GET', `${outbox}?state=dead`)
  const [letter] = (dead.body as { items: { id: string }[] }).items
  await behave('ok')
  expect((await admin('POST', `${outbox}/${letter?.id}/replay?reason=mended`)).status).toBe(202)
  expect((await admin('POST', `${outbox}/${letter?.id}/replay`)).status).toBe(404)
  expect((await admin('POST', `${outbox}/nothing/replay`)).status).toBe(404)
  expect(await recorded('outbox.replay')).toEqual([
    { actor: 'root', subject: 'grant/bot', detail: { event: letter?.id, reason: 'mended' } },
  ])
})

test('settings are told by name, and how long evidence is kept by value', async () => {
  const identity = { trusted: true, jwt: [{ issuer: 'i', audience: ['a'], jwks: { keys: [{ kty: 'EC' }] } }] }
  await admin('PUT', 'acme', { identity })
  await admin('PUT', 'acme', { identity })
  await admin('PUT', 'acme', { sessions: { idle_seconds: 60 }, audit: { retention_days: 1 } })
  expect((await recorded('tenant.create')).map(({ detail }) => detail)).toEqual([
    { changed: 'identity.trusted identity.jwt' },
  ])
  expect((await recorded('tenant.put')).map(({ detail }) => detail)).toEqual([
    { changed: '' },
    {
      changed: 'identity.trusted identity.jwt sessions.idle_seconds audit.retention_days',
      retention_days_from: 400,
      retention_days_to: 1,
    },
  ])
})

test('of a server it is told where it leads, and nothing else of its URL', async () => {
  await admin('PUT', 'acme', {})
  await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com:8443/mcp/key-123?token=t' })
  expect((await recorded('server.put')).map(({ detail }) => detail)).toEqual([
    { created: true, origin: 'https://crm.example.com:8443' },
  ])
})
