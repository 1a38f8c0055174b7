import { exports } from 'cloudflare:workers'
import { expect, test } from 'vitest'

test('the gateway says that it is ready', async () => {
  const response = await exports.default.fetch('http://127.0.0.1/healthz')
  expect(response.status).toBe(200)
})
