/** What a deployment carries, and that what the project says of itself is true. */
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { identity } from '../../src/base/version.ts'
import { makeVars } from '../../src/cli/local/gateway.ts'
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

  test('its switches stand in .dev.vars.example, which deployments do not read, and nowhere in wrangler.toml', async () => {
    const local = await readFile(join(root, '.dev.vars.example'), 'utf8')
    const deployed = await readFile(join(root, 'wrangler.toml'), 'utf8')
    for (const name of ['DEMO', 'ALLOW_PRIVATE_UPSTREAMS', 'IGNORE_JURISDICTION']) {
      expect(local).toContain(`${name}="true"`)
      expect(deployed).not.toMatch(new RegExp(`^\\s*${name}\\b`, 'm'))
    }
  })
})

/** What of a read wrangler.toml is looked at here. */
interface Deployed {
  readonly name?: string
  readonly workers_dev?: boolean
  readonly preview_urls?: boolean
  readonly route?: unknown
  readonly routes?: unknown
  readonly d1_databases: readonly { readonly database_name?: string }[]
  readonly ratelimits: readonly { readonly namespace_id?: string }[]
  readonly durable_objects: { readonly bindings: readonly { readonly script_name?: string }[] }
}

test('a deployment without --env production cannot take the place of production', () => {
  const configPath = join(root, 'wrangler.toml')
  const local = unstable_readConfig({ config: configPath }) as Deployed
  const production = unstable_readConfig({ config: configPath, env: 'production' }) as Deployed
  expect(production.name).toBe('gatehouse')
  expect(local.name).not.toBe(production.name)
  expect([local.workers_dev, local.preview_urls ?? false, local.routes, local.route]).toEqual([
    false,
    false,
    undefined,
    undefined,
  ])
  const shared = (names: (of: Deployed) => readonly (string | undefined)[]) =>
    names(local).filter((name) => names(production).includes(name))
  expect(shared((of) => of.d1_databases.map(({ database_name }) => database_name))).toEqual([])
  expect(shared((of) => of.ratelimits.map(({ namespace_id }) => namespace_id))).toEqual([])
  // Bindings are of this very Worker, and so of another one there.
  for (const { durable_objects } of [local, production])
    expect(durable_objects.bindings.filter(({ script_name }) => script_name !== undefined)).toEqual([])
})

test('variables of a developer are no part of the project: npm run dev makes them from the example, once', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  expect(scripts.dev).toBe('node src/cli/local/dev.ts')
  const ignored = await readFile(join(root, '.gitignore'), 'utf8')
  for (const line of ['.dev.vars', '.dev.vars.*', '!.dev.vars.example', '.env', '.env.*'])
    expect(ignored.split('\n')).toContain(line)
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-vars-'))
  try {
    const vars = join(folder, '.dev.vars')
    await copyFile(join(root, '.dev.vars.example'), join(folder, '.dev.vars.example'))
    makeVars(folder)
    expect(await readFile(vars, 'utf8')).toContain('DEMO="true"')
    await writeFile(vars, 'MINE="1"')
    makeVars(folder)
    expect(await readFile(vars, 'utf8')).toBe('MINE="1"')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
