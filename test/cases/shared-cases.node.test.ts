/**
 * Cases that are kept outside of the repository: small programs, each of which tries one thing at a gateway and says whether it came
 * out right. Every one is run against a gateway of its own run, as a newcomer would start it.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Dev, root, startDev } from '../support/node/wrangler-dev.ts'

const folder = fileURLToPath(new URL('../../../shared/cases', import.meta.url))
const isThere = existsSync(folder)
const cases = isThere
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.mjs'))
  : []

const LONGEST_MS = 90_000

describe.skipIf(!isThere)(`cases${isThere ? '' : ` (not run: no folder ${folder})`}`, () => {
  let dev: Dev
  let state: string
  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), 'gatehouse-cases-'))
    // As `npm run dev` does: a tenant is gone only once its audit trail is.
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
    const migrate = ['d1', 'migrations', 'apply', 'AUDIT_DB', '--local', '--persist-to', state]
    await promisify(execFile)(process.execPath, [wrangler, ...migrate], {
      cwd: root,
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
    })
    dev = await startDev({ persistTo: state })
  })
  afterAll(async () => {
    await dev?.stop()
    await rm(state, { recursive: true, force: true })
  })

  test.each(cases.sort())('%s', async (name) => {
    const run = promisify(execFile)(process.execPath, [join(folder, name), dev.url], { timeout: LONGEST_MS })
    const { code, said } = await run.then(
      ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
      (error: { code?: unknown; stdout?: string; stderr?: string }) => ({
        code: error.code ?? 'killed',
        said: `${error.stdout}${error.stderr}`,
      }),
    )
    expect(code, said).toBe(0)
  })
})
