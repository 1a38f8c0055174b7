/** `wrangler dev`, as `npm run dev` starts it: its tables are made, and rows get to its database. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'
import { root, startDev } from '../support/node/wrangler-dev.ts'

test('carries rows to its own database', async () => {
  const state = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'))
  onTestFinished(() => rm(state, { recursive: true, force: true }))
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const migrate = ['d1', 'migrations', 'apply', 'AUDIT_DB', '--local', '--persist-to', state]
  await promisify(execFile)(process.execPath, [wrangler, ...migrate], {
    cwd: root,
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
  })
  const dev = await startDev({ persistTo: state })
  onTestFinished(dev.stop)
  const client = await openSession(dev.url)
  onTestFinished(client.close)
  expect((await client.call('auth_whoami', {})).status).toBe(200)
  const rows = async () => {
    const response = await fetch(`${dev.url}/api/v1/tenants/demo/audit`, {
      headers: { authorization: `Bearer ${ROOT_TOKEN}` },
    })
    return ((await response.json()) as { items: readonly object[] }).items
  }
  await until('a row', async () => (await rows()).length > 0, 40_000)
  expect(await rows()).toMatchObject([{ grant: 'agent', tool: 'auth_whoami', outcome: 'result' }])
  expect(dev.output()).not.toContain('audit.not_carried')
})
