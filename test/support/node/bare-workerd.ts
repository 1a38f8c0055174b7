/**
 * The gateway on bare workerd: the bundle that a deployment would upload, the bindings of wrangler.toml, nothing
 * around it. One process, so that `kill -9` hits exactly the runtime; its state stays on disk across restarts.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuiltWorker, builtWorker, MAIN, type WranglerToml } from './built-worker.ts'
import { searchedAtEnd } from './searched.ts'
import { steadyPort } from './steady-port.ts'
import { root, waitUntilReady } from './wrangler-dev.ts'

/** The runtime itself; `workerd` in .bin is a script around it, and killing that would leave it running. */
export const workerdBinary = join(
  root,
  `node_modules/@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`,
)

/** Why bare workerd cannot run here, or null when it can. Tests say it in their name where they skip. */
export const bareWorkerdMissing: string | null = existsSync(workerdBinary)
  ? null
  : `bare workerd is not installed for ${process.platform}-${process.arch}: ${workerdBinary}`

const READY_MS = 30_000
/** After that, SIGTERM becomes SIGKILL. */
const STOP_MS = 5_000

export interface BareGateway {
  /** The same across restarts. */
  readonly url: string
  /** The folder of its Durable Objects, in which each class has a folder, and each object a database. */
  readonly state: string
  /** The process that runs now. */
  pid(): number
  /** What all its runs have printed so far. */
  output(): string
  /** Runs it again, on the same port and the same state, and waits until /healthz answers. */
  start(): Promise<void>
  /** The same as another deployment would run it: from now on with these variables, and none of those that it had. */
  startWith(vars: Readonly<Record<string, string>>): Promise<void>
  /** `kill -9`, sent before this returns; settles when the process is gone. */
  kill9(): Promise<void>
  /** Stops it, searches what it stored and printed for what it must not (searched.ts), and removes its state. */
  stop(): Promise<void>
}

export interface BareOptions {
  /** More arguments of `workerd serve`. */
  readonly flags?: readonly string[]
  /** Another Worker to run with the same bindings: an `index.ts` by its path from the root. */
  readonly main?: string | null
  /** What to run instead: a Worker that was built before. */
  readonly built?: BuiltWorker
  /** Where an audit database answers, as host:port; without one there is no binding for it. */
  readonly auditDb?: string
  /**
   * So many isolates more, which share nothing with each other but the Durable Objects, as Workers in so many cities.
   * A request with the header `x-to-isolate` goes to the one with that number, from 0.
   */
  readonly isolates?: number
}

/** Starts a gateway with a state of its own. `vars` come on top of those of wrangler.toml. */
export async function startBare(
  vars: Readonly<Record<string, string>> = {},
  { flags = [], main = null, built: given, auditDb, isolates = 0 }: BareOptions = {},
): Promise<BareGateway> {
  if (bareWorkerdMissing !== null) throw new Error(bareWorkerdMissing)
  const [built, port, folder] = await Promise.all([
    given ?? builtWorker(main),
    steadyPort(),
    mkdtemp(join(tmpdir(), 'gatehouse-bare-')),
  ])
  const state = join(folder, 'state')
  const config = join(folder, 'config.capnp')
  await mkdir(state)
  // Beside the configuration, because capnp embeds by relative path only.
  for (const [name, content] of built.modules) await writeFile(join(folder, name), content)
  const modules = [...built.modules.keys()]
  const deploy = (own: Readonly<Record<string, string>>) =>
    writeFile(
      config,
      capnp({ modules, wrangler: built.config, port, state, vars: own, auditDb: auditDb ?? null, isolates }),
    )
  await deploy(vars)

  const url = `http://127.0.0.1:${port}`
  let child: ChildProcess | null = null
  let output = ''
  const search = searchedAtEnd({ name: 'bare workerd', state, vars, output: () => output })

  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    const running = child
    child = null
    if (running === null || hasEnded(running)) return
    const exited = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    const killer = setTimeout(() => running.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(killer)
  }
  const kill9 = async () => {
    const running = child
    // One that died by itself is a finding, not a crash that was asked for.
    if (running === null || hasEnded(running)) throw new Error(`it does not run\n${output}`)
    await end('SIGKILL')
  }
  const start = async () => {
    if (child !== null) throw new Error('it runs already')
    const started = spawn(workerdBinary, ['serve', config, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk) => (output += String(chunk)))
    await waitUntilReady(`${url}/healthz`, started, READY_MS)
  }
  const startWith = async (other: Readonly<Record<string, string>>) => {
    await deploy(other)
    await start()
  }
  const stop = async () => {
    await end('SIGTERM')
    try {
      await search()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  try {
    await start()
  } catch (error) {
    await stop()
    throw new Error(`bare workerd did not start: ${String(error)}\n${output}`)
  }
  const pid = () => {
    if (child?.pid === undefined) throw new Error('it does not run')
    return child.pid
  }
  return { url, state, pid, output: () => output, start, startWith, kill9, stop }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

/**
 * A configuration of workerd that says what wrangler.toml says, as far as it matters to one machine.
 *
 * @param options.modules their names, the main one first; they lie beside the configuration
 * @param options.port 0: any free one, which workerd tells by `--control-fd`
 * @param options.state the folder for what is stored
 */
export function capnp(options: {
  modules: readonly string[]
  wrangler: WranglerToml
  port: number
  state: string
  vars: Readonly<Record<string, string>>
  auditDb: string | null
  isolates: number
}): string {
  const { modules, wrangler: config, port, state, vars, auditDb, isolates } = options
  const objects = config.durable_objects.bindings
  // Whose classes they are: every other isolate has them from the first.
  const bindings = (isFirst: boolean) => [
    ...Object.entries({ ...config.vars, ...vars }).map(
      ([name, value]) => `(name = ${quote(name)}, text = ${quote(String(value))})`,
    ),
    ...objects.map(
      ({ name, class_name }) =>
        `(name = ${quote(name)}, durableObjectNamespace = (className = ${quote(class_name)}${
          isFirst ? '' : ', serviceName = "gatehouse"'
        }))`,
    ),
    // The API of D1 around a service, as the platform puts it together.
    ...(auditDb === null
      ? []
      : [
          '(name = "AUDIT_DB", wrapped = (moduleName = "cloudflare-internal:d1-api", ' +
            'innerBindings = [(name = "fetcher", service = "audit")]))',
        ]),
  ]
  const namespaces = objects.map(
    ({ class_name }) =>
      `(className = ${quote(class_name)}, uniqueKey = ${quote(class_name)}, enableSql = true)`,
  )
  const flags = config.compatibility_flags.map(quote)
  const code = `modules = [${modules.map(embedded).join(', ')}],
  compatibilityDate = ${quote(config.compatibility_date ?? '')},
  compatibilityFlags = [${flags.join(', ')}]`
  const numbers = Array.from({ length: isolates }, (_, i) => i)
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gatehouse", worker = .gatehouse),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    (name = "state", disk = (path = ${quote(state)}, writable = true)),
    ${auditDb === null ? '' : `(name = "audit", external = (address = ${quote(auditDb)}, http = ())),`}
    ${isolates === 0 ? '' : '(name = "router", worker = .router),'}
    ${numbers.map((i) => `(name = "isolate-${i}", worker = .isolate),`).join('\n    ')}
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:${port}", http = (), service = "${isolates === 0 ? 'gatehouse' : 'router'}")
  ],
);

const gatehouse :Workerd.Worker = (
  ${code},
  bindings = [
    ${bindings(true).join(',\n    ')}
  ],
  durableObjectNamespaces = [
    ${namespaces.join(',\n    ')}
  ],
  durableObjectStorage = (localDisk = "state"),
);

const isolate :Workerd.Worker = (
  ${code},
  bindings = [
    ${bindings(false).join(',\n    ')}
  ],
);

const router :Workerd.Worker = (
  modules = [(name = "router.js", esModule = ${quote(ROUTER)})],
  compatibilityDate = ${quote(config.compatibility_date ?? '')},
  bindings = [
    (name = "main", service = "gatehouse"),
    ${numbers.map((i) => `(name = "isolate-${i}", service = "isolate-${i}"),`).join('\n    ')}
  ],
);
`
}

/** Stands before the isolates, and takes away what chose among them. */
const ROUTER = `export default {
  fetch(request, env) {
    const to = request.headers.get('x-to-isolate')
    const passed = new Request(request)
    passed.headers.delete('x-to-isolate')
    return (to === null ? env.main : env['isolate-' + to]).fetch(passed)
  },
}`

function embedded(name: string): string {
  return `(name = ${quote(name)}, ${name === MAIN ? 'esModule' : 'text'} = embed ${quote(name)})`
}

/** A capnp string; its escapes are those of C, which for plain text are JSON's. */
function quote(text: string): string {
  return JSON.stringify(text)
}
