/** The program itself: real files, standard input, exit codes, and the page that documents it. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRequest } from '../../src/cli/kit/io.ts'
import { ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { until } from '../support/node/until.ts'
import { root } from '../support/node/wrangler-dev.ts'

const main = join(root, 'src/cli/main.ts')
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function gatehouse(words: readonly string[], input: string | Uint8Array = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...words], { cwd: root, encoding: 'utf8', input })
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function said({ status, stdout, stderr }: SpawnSyncReturns<string>) {
  return { status, stdout, stderr }
}

describe('the policies of this project', () => {
  test('the demo’s is one, and does what its cases expect', () => {
    expect(said(gatehouse(['policy', 'validate', 'src/demo/policy.json']))).toEqual({
      status: 0,
      stdout: 'src/demo/policy.json: OK, hosted dialect\n',
      stderr: '',
    })
    const { status, stdout } = gatehouse(['policy', 'test', 'src/demo/policy.test.yaml'])
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
    expect(status).toBe(0)
  })

  test('those that people already have are, and convert without a change', ({ skip }) => {
    const there = join(root, '../shared/data/policies')
    let names: string[] = []
    try {
      names = readdirSync(there).map((name) => join(there, name))
    } catch {
      skip('the policies of ../shared/data/policies are not here')
    }
    const { status, stdout } = gatehouse(['policy', 'validate', ...names, '--json'])
    expect(status).toBe(0)
    const { files } = JSON.parse(stdout) as { files: unknown[] }
    expect(files).toEqual(names.map((file) => ({ file, ok: true, dialect: 'rule', warnings: [] })))
    for (const name of names.slice(0, 3)) {
      const { stdout: hosted } = gatehouse(['policy', 'convert', name, '--to', 'hosted'])
      expect(said(gatehouse(['policy', 'diff', name, '-'], hosted))).toEqual({
        status: 0,
        stdout: 'no change\n',
        stderr: '',
      })
    }
  })
})

describe('exit codes', () => {
  const good = '{"version":"1"}'
  test.each<[string, string[], string, number]>([
    ['a policy on standard input', ['validate', '-'], good, 0],
    ['no policy on standard input', ['validate', '-'], 'nothing', 1],
    ['nothing on standard input', ['validate', '-'], '', 1],
    [
      'a case that fails',
      ['test', '-'],
      'policy: src/demo/policy.json\ncases: [{name: a, tool: t, expect: deny}]',
      1,
    ],
    ['a change', ['diff', 'src/demo/policy.json', '-'], good, 1],
    [
      'no change',
      ['diff', '-', 'src/demo/policy.json'],
      readFileSync(join(root, 'src/demo/policy.json'), 'utf8'),
      0,
    ],
    ['a comparison with no policy', ['diff', '-', 'src/demo/policy.json'], '[]', 2],
    ['an explanation of a denial', ['explain', '-', '--tool', 't'], good, 0],
    ['a folder', ['validate', 'src'], '', 2],
    ['a file that is not there', ['convert', 'gone.json', '--to', 'hosted'], '', 2],
    ['an unknown command', ['vaildate', '-'], '', 2],
    ['an unknown option', ['schema', 'rule', '--yaml'], '', 2],
    ['help', ['diff', '--help'], '', 0],
  ])('%s', (_, words, input, status) => {
    const text = gatehouse(['policy', ...words], input)
    expect(text.status).toBe(status)
    if (status === 2) expect(text.stderr).not.toBe('')
    expect(text.stderr).not.toMatch(/\n\s+at /)

    const json = gatehouse(['policy', ...words, '--json'], input)
    expect({ status: json.status, stderr: json.stderr }).toEqual({ status, stderr: '' })
    expect(typeof JSON.parse(json.stdout)).toBe('object')
  })
})

describe('what no policy is', () => {
  test.each<[string, string | Uint8Array, number, RegExp]>([
    ['bytes', new Uint8Array([0xff, 0xfe, 0]), 1, /:1:1 .*found bytes that are not UTF-8/],
    ['an empty file', '', 1, /:1:1 \(document\): found null; allowed: object/],
    ['half a document', '{"version": "1"', 1, /:1:\d+ /],
    ['nesting without end', '['.repeat(100_000), 1, /at most 64 levels/],
    ['a name twice', 'version: "1"\nversion: "1"', 1, /:2:1 \/version: found the name "version" again/],
    ['more text than a policy may have', `#${' '.repeat(1024 * 1024)}`, 1, /at most 1048576 characters/],
    [
      'more bytes than that could be',
      new Uint8Array(4 * 1024 * 1024 + 1),
      2,
      /: cannot be read: more than 4194304 bytes/,
    ],
  ])('%s', (name, content, status, words) => {
    const result = gatehouse(['policy', 'validate', file(name.replaceAll(' ', '-'), content)])
    expect(result.stdout + result.stderr).toMatch(words)
    expect(result.status).toBe(status)
  })

  test('a file without an end', ({ skip }) => {
    if (process.platform === 'win32') skip('there is no /dev/zero')
    const { status, stderr } = gatehouse(['policy', 'validate', '/dev/zero'])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: '/dev/zero: cannot be read: more than 4194304 bytes\n',
    })
  })
})

test('whoever stops reading does no harm', () => {
  const env = { ...process.env, NODE: process.execPath, MAIN: main }
  const { stdout, stderr } = spawnSync('sh', ['-c', '"$NODE" "$MAIN" policy schema hosted | head -n 1'], {
    encoding: 'utf8',
    env,
  })
  expect({ stdout, stderr }).toEqual({ stdout: '{\n', stderr: '' })
})

describe('a gateway that does not answer', () => {
  let asked = 0
  const server = createServer((request, response) => {
    // One that another test has given up on may arrive late.
    if (request.url !== '/') asked += 1
    if (request.method === 'POST') response.end('{"token":"gh_acme_bot_x","warnings":[],"pending":1}')
  })
  let url = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  test('is given up after the time that it had', async () => {
    expect(await sendRequest({ method: 'GET', url, headers: {}, timeoutMs: 50 })).toEqual({
      ok: false,
      reason: 'not in time',
    })
  })

  test('while it is waited for takes no token back, nor does whoever stops the program', async () => {
    asked = 0
    const child = spawn(process.execPath, [main, 'grant', 'rotate', 'bot', '--wait'], {
      env: { ...process.env, GATEHOUSE_URL: url, GATEHOUSE_TOKEN: ROOT_TOKEN, GATEHOUSE_TENANT: 'acme' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (piece) => {
      out += String(piece)
    })
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('close', (_, signal) => resolve(signal)),
    )
    await until('it waits', () => asked >= 2, 30_000)
    child.kill('SIGINT')
    expect(await ended).toBe('SIGINT')
    expect(out).toBe('grant bot rotated\ntoken: gh_acme_bot_x\n')
  })
})

describe('docs/cli.md', () => {
  const page = readFileSync(join(root, 'docs/cli.md'), 'utf8')
  const blocks = [...page.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  const examples = blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((example): [command: string, output: string] => {
        const [, command = '', output = ''] = /^(.*\n(?:>.*\n)*)([\s\S]*)$/.exec(example) ?? []
        return [command.replaceAll(/^> {3}/gm, ''), output]
      }),
  )

  test('has an example of every command', () => {
    for (const name of ['validate', 'explain', 'test', 'diff', 'convert', 'schema']) {
      expect(examples.some(([command]) => command.includes(`gatehouse policy ${name} `))).toBe(true)
    }
  })

  let gateway: BareGateway | null = null
  beforeAll(async () => {
    if (bareWorkerdMissing !== null) return
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  })
  afterAll(() => gateway?.stop())

  // In order: each finds what those before it have made.
  test.for(examples)('%s', ([command, output], { skip }) => {
    const asksNobody =
      /\bgatehouse (policy (validate|explain|test|diff|convert|schema)|connect|version|completion) /.test(
        command,
      )
    if (gateway === null && !asksNobody) return skip(bareWorkerdMissing ?? '')
    const program = `exec 2>&1\n${command}`
    const env = {
      ...process.env,
      GATEHOUSE_URL: gateway?.url ?? '',
      GATEHOUSE_TOKEN: ROOT_TOKEN,
      GATEHOUSE_TENANT: 'acme',
    }
    const { stdout } = spawnSync('sh', ['-c', program], { cwd: root, encoding: 'utf8', env })
    const masked = stdout
      .replaceAll(/gh_acme_bot_[A-Za-z0-9_-]+/g, 'gh_acme_bot_…')
      .replaceAll(/whsec_\S+/g, 'whsec_…')
      .replaceAll(gateway?.url ?? 'http://nowhere', 'https://gate.example')
    expect(masked).toBe(output)
  })

  test('never names a package of npm that is not ours', () => {
    // Outside of a checkout `npx gatehouse` runs whatever somebody has published under that name.
    const pages = [
      'README.md',
      'CONTRIBUTING.md',
      ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
    ]
    for (const name of pages.filter((it) => it.endsWith('.md')))
      expect(readFileSync(join(root, name), 'utf8'), name).not.toMatch(/npx (?:-\S+ )*gatehouse\b/)
  })

  test('its example of cases is one', () => {
    const [, cases = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(page) ?? []
    file(
      'policy.json',
      `{"version":"1","tools":{"pay":{
        "deny_if":[{"conditions":[{"path":"args.amount","op":"gt","value":100}],"on_deny":"Too much."}],
        "limits":[{"counter":"c","window":"minute","max":2}]}}}`,
    )
    const { status, stdout } = gatehouse(['policy', 'test', file('policy.test.yaml', cases)])
    expect(stdout).toMatch(/2 passed, 0 failed\n$/)
    expect(status).toBe(0)
  })
})
