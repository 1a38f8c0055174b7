/** The gateway as a newcomer meets it: `wrangler dev`, the demo, an edited policy, a restart. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nextSteps } from '../../src/cli/local/gateway.ts'
import { DEMO_TOKEN, type Dev, root, startDev } from '../support/node/wrangler-dev.ts'

const run = promisify(execFile)

/** A tool call of the stateless era by plain fetch. */
async function call(url: string, name: string, args: Record<string, unknown>) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const headers = {
    authorization: `Bearer ${DEMO_TOKEN}`,
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
  }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: meta } }
  const response = await fetch(`${url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { result } = (await response.json()) as {
    result: { isError?: boolean; structuredContent: Record<string, unknown> }
  }
  return { isError: result.isError ?? false, structured: result.structuredContent }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('wrangler dev', () => {
  let dev: Dev
  beforeAll(async () => {
    dev = await startDev()
  })
  afterAll(() => dev.stop())

  test('passes the demo, played by real clients of both eras', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'test/demo/demo.ts'), dev.url])
    expect(stdout).toContain('All as it should be.')
    expect(stdout).not.toContain('✗')
  })

  test('runs no code that only a test runtime would allow', () => {
    expect(dev.output()).not.toMatch(/EvalError|Code generation|Uncaught/)
  })

  test('answers what no route is for with 404, and a page of another site with 403', async () => {
    expect((await fetch(`${dev.url}/nothing`)).status).toBe(404)
    const headers = { origin: 'https://evil.example' }
    expect((await fetch(`${dev.url}/mcp`, { method: 'POST', headers })).status).toBe(403)
  })
})

test('the demo says so when no gateway runs', async () => {
  await expect(
    run(process.execPath, [join(root, 'test/demo/demo.ts'), 'http://127.0.0.1:1']),
  ).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('npm run dev'),
  })
})

test.each([
  [
    'without Legiti',
    { NATIVE_SERVERS: 'session' },
    DEMO_TOKEN,
    'docs/how-to/first-policy.md: a server and a policy of yours; npm run demo cannot run here: the native server "legiti" is off (NATIVE_SERVERS does not name it)',
    'the native server "legiti" is off (NATIVE_SERVERS does not name it)',
  ],
  [
    'that is not the demo',
    { DEMO: 'false' },
    'none yet: DEMO is not "true" in .dev.vars',
    'docs/administration.md: make a tenant and a grant; it takes a ROOT_TOKEN and ENCRYPTION_KEYS in .dev.vars',
    'DEMO is not "true" there',
  ],
])('a gateway %s recommends what can be done there, and the demo says what it needs', async (...row) => {
  const [, vars, token, next, why] = row
  const dev = await startDev({ vars })
  try {
    expect(await nextSteps(dev.url, Date.now() + 10_000)).toEqual([
      `URL:   ${dev.url}/mcp`,
      `Token: ${token}`,
      `Next:  ${next}`,
    ])
    await expect(run(process.execPath, [join(root, 'test/demo/demo.ts'), dev.url])).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: `${dev.url}/ cannot play the demo, which needs DEMO="true" in .dev.vars, both native servers and the stand-in for Legiti: ${why}.\n`,
    })
  } finally {
    await dev.stop()
  }
})

describe('a copy of the project', () => {
  let project: string
  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'gatehouse-copy-'))
    for (const name of ['src', 'wrangler.toml', '.dev.vars.example', 'package.json', 'tsconfig.json']) {
      await cp(join(root, name), join(project, name), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(project, 'node_modules'))
  })
  afterAll(() => rm(project, { recursive: true, force: true }))

  test('an edited demo policy holds from the next call on', async () => {
    const dev = await startDev({ project })
    try {
      expect((await call(dev.url, 'track_logout', { account_id: 'a' })).isError).toBe(false)
      const file = join(project, 'src/demo/policy.json')
      const policy = JSON.parse(await readFile(file, 'utf8')) as { hide?: string[] }
      await writeFile(file, JSON.stringify({ ...policy, hide: ['track_logout'] }))
      await until('the edited policy holds', async () => {
        const { structured } = await call(dev.url, 'track_logout', { account_id: 'a' })
        return (structured.error as { code?: string } | undefined)?.code === 'hidden'
      })

      await writeFile(file, JSON.stringify({ ...policy, hidden: ['track_logout'] }))
      await until('a policy that does not load is told, and denies', async () => {
        const health = await fetch(`${dev.url}/healthz`)
        const { detail } = (await health.json()) as { detail?: string }
        const { structured } = await call(dev.url, 'auth_whoami', {})
        const { code } = (structured.error ?? {}) as { code?: string }
        return (
          health.status === 503 &&
          detail?.includes('/hidden: found the unknown name') === true &&
          code === 'no_policy'
        )
      })

      const conditions = [{ path: 'args.acount_id', op: 'exists', value: true }]
      const asks = { ...policy, tools: { track_signup: { deny_if: [{ conditions }] } } }
      await writeFile(file, JSON.stringify(asks))
      await until('what can hardly be meant is warned of', async () => {
        await call(dev.url, 'auth_whoami', {})
        return dev.output().includes('demo.policy_warning') && dev.output().includes('acount_id')
      })
    } finally {
      await dev.stop()
    }
  })

  test('sessions, and how the stand-in was told to behave, survive a restart', async () => {
    const persistTo = join(project, 'state')
    const first = await startDev({ project, persistTo })
    let session: unknown
    try {
      session = (await call(first.url, 'auth_login', { provider: 'trusted', account_id: 'ana' })).structured
        .session
      const mode = { method: 'POST', body: JSON.stringify({ mode: 'reject' }) }
      expect((await fetch(`${first.url}/dev/legiti/behaviour`, mode)).status).toBe(200)
    } finally {
      await first.stop()
    }
    const second = await startDev({ project, persistTo })
    try {
      expect((await call(second.url, 'auth_whoami', { session })).structured).toMatchObject({
        account: 'ana',
      })
      expect(await (await fetch(`${second.url}/dev/legiti/behaviour`)).json()).toEqual({ mode: 'reject' })
      const wrong = { method: 'POST', body: JSON.stringify({ mode: 'sulk' }) }
      expect((await fetch(`${second.url}/dev/legiti/behaviour`, wrong)).status).toBe(400)
      expect(await (await fetch(`${second.url}/dev/legiti/behaviour`)).json()).toEqual({ mode: 'reject' })
    } finally {
      await second.stop()
    }
  })
})
