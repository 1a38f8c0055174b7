/** The Standard Webhooks scheme, against its own example and by checking as a receiver would. */
import { expect, test } from 'vitest'
import { SECRET_PREFIX, signedHeaders, webhookSecret } from '../../src/webhooks/signature.ts'

test('signs as the scheme has it', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
  expect(
    await signedHeaders([secret], { id, atSeconds: 1_614_265_330, body: '{"test": 2432232314}' }),
  ).toEqual({
    'webhook-id': id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('of another secret, id, time or body another', async () => {
  const secret = webhookSecret(new Uint8Array(32).fill(1))
  const signatures = await Promise.all([
    signedHeaders([secret], { id: 'a', atSeconds: 1, body: 'x' }),
    signedHeaders([webhookSecret(new Uint8Array(32).fill(2))], { id: 'a', atSeconds: 1, body: 'x' }),
    signedHeaders([secret], { id: 'b', atSeconds: 1, body: 'x' }),
    signedHeaders([secret], { id: 'a', atSeconds: 2, body: 'x' }),
    signedHeaders([secret], { id: 'a', atSeconds: 1, body: 'y' }),
  ])
  expect(new Set(signatures.map((it) => it['webhook-signature'])).size).toBe(5)
})

test('a secret has 24 to 64 bytes', () => {
  expect(webhookSecret(new Uint8Array(24))).toBe(`${SECRET_PREFIX}${'A'.repeat(32)}`)
  for (const n of [0, 23, 65]) expect(() => webhookSecret(new Uint8Array(n))).toThrow('24 to 64')
})
