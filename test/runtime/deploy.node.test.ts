/** What a deployment carries, and that what the project says of itself is true. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { identity } from '../../src/version.ts'
import { root } from '../support/node/wrangler-dev.ts'

const run = promisify(execFile)

/** What `wrangler deploy --dry-run` says that it would upload. */
async function dryRun(...args: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-deploy-'))
  try {
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
    const all = [wrangler, 'deploy', '--dry-run', '--outdir', folder, ...args]
    const { stdout, stderr } = await run(process.execPath, all, { cwd: root, env })
    return stdout + stderr
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

describe('no deployment carries the demo', () => {
  test.each([[[]], [['--env', 'production']], [['--env', '']]])('wrangler deploy %j', async (args) => {
    const said = await dryRun(...args)
    expect(said).toContain('env.PRINCIPAL')
    expect(said).toContain('env.TENANT ')
    expect(said).not.toContain('DEMO')
    expect(said).not.toContain('ALLOW_PRIVATE_UPSTREAMS')
    expect(said).not.toContain('IGNORE_JURISDICTION')
  })

  test('its switches stand in .dev.vars, which deployments do not read, and nowhere in wrangler.toml', async () => {
    const local = await readFile(join(root, '.dev.vars'), 'utf8')
    const deployed = await readFile(join(root, 'wrangler.toml'), 'utf8')
    for (const name of ['DEMO', 'ALLOW_PRIVATE_UPSTREAMS', 'IGNORE_JURISDICTION']) {
      expect(local).toContain(`${name}="true"`)
      expect(deployed).not.toMatch(new RegExp(`^\\s*${name}\\b`, 'm'))
    }
  })
})

test('the version that clients see is package.json’s', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(identity.version).toBe(version)
})

test('every dependency is pinned, and every one of the running Worker is named in the README', async () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  for (const version of Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    expect(version).toMatch(/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+[\w.-]*$/)
  }
  for (const name of Object.keys(dependencies ?? {})) expect(readme).toContain(`\`${name}\``)
})

test('the README’s two commands are the ones that CI runs', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  for (const line of ['npm ci && npm run dev', 'npm ci && npm test']) expect(readme).toContain(line)
  const ci = await readFile(join(root, '.ci/run'), 'utf8')
  for (const command of ['npm ci', 'npm test', 'npm run check', 'npm run build'])
    expect(ci).toContain(command)
})
