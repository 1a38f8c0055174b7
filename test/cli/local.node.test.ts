/** `npm run dev`: the tables are where the state is, and its last lines say what to do. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bindProblem, localAddress, nextSteps } from '../../src/cli/local/gateway.ts'
import { freePort, root } from '../support/node/wrangler-dev.ts'

describe('the address', () => {
  test.each([
    [undefined, undefined, 'http://127.0.0.1:8787'],
    [undefined, '9000', 'http://127.0.0.1:9000'],
    ['0.0.0.0', '9000', 'http://127.0.0.1:9000'],
    ['::1', '9000', 'http://[::1]:9000'],
    ['localhost', '9000', 'http://localhost:9000'],
  ])('of --ip %s --port %s is %s', (ip, port, url) => {
    expect(localAddress(ip, port)).toBe(url)
  })
})

describe('an address that other machines reach', () => {
  test.each([
    ['true', ['0.0.0.0'], true],
    ['true', ['::'], true],
    ['true', ['*'], true],
    ['true', [''], true],
    ['true', ['127.0.0.1', '192.168.1.7'], true],
    ['true', ['127.0.0.1.example.com'], true],
    ['true', [], false],
    ['true', ['127.0.0.1', '127.1.2.3', '::1', 'localhost'], false],
    ['false', ['0.0.0.0'], false],
  ])('with DEMO "%s" and --ip %j is refused: %j', async (demo, ips, isRefused) => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-vars-'))
    try {
      const file = join(folder, '.dev.vars')
      await writeFile(file, `OTHER=1\nDEMO="${demo}"\n`)
      const problem = bindProblem(ips, [join(folder, 'none'), file])
      if (isRefused) expect(problem).toContain(`DEMO is "true" in ${file}`)
      else expect(problem).toBeNull()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test.each([['--ip', '0.0.0.0'], ['--ip=0.0.0.0']])('ends `npm run dev` before it starts: %s', (...ip) => {
    const args = ['src/cli/local/dev.ts', ...ip, '--env-file', '.dev.vars.example']
    // Nothing is on its path that could be started.
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, env: {}, encoding: 'utf8' })
    expect(stderr).toMatch(/^--ip 0\.0\.0\.0 lets other machines reach this gateway, and DEMO is "true"/)
    expect(status).toBe(1)
  })
})

test.each(['--help', '-h'])('%s prints help, and nothing is made or started', async (option) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-help-'))
  try {
    const args = [join(root, 'src/cli/local/dev.ts'), '--port', '1', option]
    // Nothing is on its path that could be started.
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      env: {},
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Usage: npm run dev -- /)
    for (const name of ['--port', '--ip', '--persist-to', '--var', '--env-file', '--help'])
      expect(stdout).toContain(`${name}`)
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.each(['dev', 'demo', 'clients', 'servers', 'prove'])('npm run %s -- --help prints help', (name) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const file = scripts[name]?.replace(/^node /, '') ?? ''
  const { status, stdout } = spawnSync(process.execPath, [file, '--help'], { cwd: root, encoding: 'utf8' })
  expect(status).toBe(0)
  expect(stdout).toMatch(new RegExp(`^Usage: npm run ${name} -- \\[`))
})

test.each([
  ['test/demo/demo.ts', ['--prot', '9000'], "Unknown option '--prot'; allowed: what --help prints\n"],
  [
    'test/demo/demo.ts',
    ['localhost:8787'],
    'found "localhost:8787"; allowed: the URL of a gateway, such as http://127.0.0.1:8787\n',
  ],
  ['test/prove/prove.ts', ['--runs', 'many'], '--runs is "many"; allowed: a whole number from 1\n'],
  ['bench/servers/main.ts', ['nobody'], /^unknown: nobody; allowed: everything, /],
  ['bench/clients/main.ts', ['nobody'], /^unknown: nobody; allowed: claude-code, /],
])('%s %j is a mistake, in one sentence', (file, words, says) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...words], {
    cwd: root,
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([2, ''])
  if (typeof says === 'string') expect(stderr).toBe(says)
  else expect(stderr).toMatch(says)
})

test('settings that cannot be meant are what the last line says', async () => {
  const server = createServer((_, response) => {
    response.writeHead(503, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ detail: 'LEGITI_PROFILE is "nothing"' }))
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  try {
    const lines = await nextSteps(`http://127.0.0.1:${port}`, Date.now() + 10_000)
    expect(lines).toEqual(['The gateway serves nobody: LEGITI_PROFILE is "nothing"'])
  } finally {
    server.close()
  }
})

test('it starts with its tables where --persist-to says, and ends with URL, token and what to do next', async () => {
  const state = await mkdtemp(join(tmpdir(), 'gatehouse-local-'))
  const port = await freePort()
  const args = ['src/cli/local/dev.ts', '--port', String(port), '--persist-to', state]
  const child = spawn(process.execPath, [...args, '--env-file', '.dev.vars.example'], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  const ended = new Promise((resolve) => child.on('exit', resolve))
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)))
  try {
    const deadline = Date.now() + 100_000
    while (!printed.includes('Next:  ') && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100))
    expect(printed).toMatch(
      new RegExp(
        `\\nURL: {3}http://127\\.0\\.0\\.1:${port}/mcp\\nToken: gh_demo_agent_\\S+\\nNext: {2}npm run demo `,
      ),
    )
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    expect(await ready.json()).toMatchObject({ status: 'ready', audit_database: 'ok' })
    child.kill('SIGTERM')
    await ended
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow()
  } finally {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
    await rm(state, { recursive: true, force: true })
  }
})
