/** The time that a bare workerd takes from being spawned to its first answer, and its processor time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { DEMO_TOKEN } from '../../src/demo/token.ts'
import { capnp, workerdBinary } from '../../test/support/node/bare-workerd.ts'
import type { BuiltWorker } from '../../test/support/node/built-worker.ts'

/** A request that a process is asked as its first. */
export type Question = 'page' | 'initialize'

export interface FirstAnswer {
  readonly ms: number
  /** Processor time of all threads of the process; 0 where there is no /proc. */
  readonly processorMs: number
}

export interface Subject {
  readonly name: string
  /** From a new process to its first answer. The process is stopped then. */
  start(question: Question): Promise<FirstAnswer>
  remove(): Promise<void>
}

/** A Worker that says hello: what is left of a start where there is nothing to load. */
const HELLO = 'export default { fetch: () => new Response("hello") }'

/** A process that has not answered by then is no start but a failure. */
const PATIENCE_MS = 30_000
const NANOS_A_MS = 1e6

export async function helloSubject(): Promise<Subject> {
  const config = (compatibility: string) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = "${compatibility}",
);
`
  return subject('hello', new Map([['index.js', Buffer.from(HELLO)]]), () => config('2026-09-01'))
}

export async function gatewaySubject(name: string, { modules, config }: BuiltWorker): Promise<Subject> {
  return subject(name, modules, (state) =>
    capnp({
      modules: [...modules.keys()],
      wrangler: config,
      port: 0,
      state,
      vars: { DEMO: 'true' },
      auditDb: null,
      isolates: 0,
    }),
  )
}

async function subject(
  name: string,
  modules: ReadonlyMap<string, Uint8Array>,
  configOf: (state: string) => string,
): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-start-'))
  const state = join(folder, 'state')
  await mkdir(state)
  for (const [file, content] of modules) await writeFile(join(folder, file), content)
  const config = join(folder, 'config.capnp')
  await writeFile(config, configOf(state))
  return {
    name,
    start: (question) => start(config, question),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function start(config: string, question: Question): Promise<FirstAnswer> {
  const began = performance.now()
  const child = spawn(workerdBinary, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stderr?.on('data', (chunk) => (output += String(chunk)))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  try {
    await ask(await listening(child), question)
    const ms = performance.now() - began
    return { ms, processorMs: await processorMs(child.pid ?? 0) }
  } catch (error) {
    throw new Error(`no first answer: ${String(error)}\n${output}`)
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
    await exited
  }
}

/** The port that it listens on, as soon as it does. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const control = child.stdio[3] as Readable
    control.on('data', (chunk) => {
      said += String(chunk)
      for (const line of said.split('\n').slice(0, -1)) {
        const event = JSON.parse(line) as { event: string; port?: number }
        if (event.event === 'listen' && event.port !== undefined) resolve(event.port)
      }
    })
    child.once('exit', (code) => reject(new Error(`workerd ended with ${code} before it listened`)))
  })
}

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
})

const questions = {
  page: { method: 'GET', path: '/', headers: {} },
  initialize: {
    method: 'POST',
    path: '/mcp',
    headers: {
      authorization: `Bearer ${DEMO_TOKEN}`,
      'content-type': 'application/json',
      'content-length': initialize.length,
      accept: 'application/json, text/event-stream',
    },
  },
} as const

/** Asks, and waits for all of the answer. Throws where it is none. */
function ask(port: number, question: Question): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent: false, ...questions[question] }, (response) => {
      response.resume()
      response.once('end', () =>
        response.statusCode === 200
          ? resolve()
          : reject(new Error(`${question}: found HTTP ${response.statusCode}; allowed: 200`)),
      )
    })
    sent.once('error', reject)
    sent.end(question === 'initialize' ? initialize : undefined)
  })
}

/** The first field of schedstat is the time on a processor in nanoseconds, of each thread (kernel, sched-stats). */
async function processorMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const nanos = await Promise.all(
    threads.map(async (thread) => {
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')
      return Number(text.split(' ')[0])
    }),
  )
  return nanos.reduce((sum, one) => sum + one, 0) / NANOS_A_MS
}
