/** The gateway as a newcomer runs it: `wrangler dev`, on a free port, with its state in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { searchedAtEnd } from './searched.ts'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

export const DEMO_TOKEN = 'gh_demo_agent_insecure-local-token'

const READY_MS = 60_000
const quiet = {
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  X_LOCAL_OBSERVABILITY: 'false',
  X_LOCAL_EXPLORER: 'false',
}

export interface Dev {
  readonly url: string
  /** What it has printed so far. */
  output(): string
  /** Stops it, and searches what it stored and printed for what it must not: searched.ts. */
  stop(): Promise<void>
}

export interface DevOptions {
  /** On top of .dev.vars.example. */
  readonly vars?: Readonly<Record<string, string>>
  /** A folder for its state, which then outlives it. */
  readonly persistTo?: string
  /** The project's folder, where it is not this one. */
  readonly project?: string
}

/** Starts it and waits until /healthz answers 200. */
export async function startDev(options: DevOptions = {}): Promise<Dev> {
  const port = await freePort()
  const state = options.persistTo ?? (await mkdtemp(join(tmpdir(), 'gatehouse-dev-')))
  const vars = Object.entries(options.vars ?? {}).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  // Not a developer's own .dev.vars.
  const args = [
    'dev',
    '--env-file',
    '.dev.vars.example',
    '--port',
    String(port),
    '--inspector-port',
    '0',
    '--persist-to',
    state,
    ...vars,
  ]
  // A group of its own, so that the runtime below it can be stopped by the same id.
  const child = spawn(process.execPath, [join(root, 'node_modules/wrangler/bin/wrangler.js'), ...args], {
    cwd: options.project ?? root,
    env: { ...process.env, ...quiet },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const url = `http://127.0.0.1:${port}`
  const search = searchedAtEnd({
    name: 'wrangler dev',
    state,
    vars: options.vars ?? {},
    output: () => output,
  })
  const stop = async () => {
    await stopGroup(child)
    try {
      await search()
    } finally {
      if (options.persistTo === undefined) await rm(state, { recursive: true, force: true })
    }
  }
  try {
    await waitUntilReady(`${url}/healthz`, child, READY_MS)
  } catch (error) {
    await stop()
    throw new Error(`wrangler dev did not start: ${String(error)}\n${output}`)
  }
  return { url, output: () => output, stop }
}

/** A port that nothing listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export async function waitUntilReady(url: string, child: ChildProcess, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`)
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${url} did not answer within ${timeoutMs} ms`)
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const group = -child.pid
  process.kill(group, 'SIGTERM')
  const killer = setTimeout(() => process.kill(group, 'SIGKILL'), 5_000)
  await exited
  clearTimeout(killer)
}
