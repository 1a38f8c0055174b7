/** A Worker of one file on bare workerd, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { workerdBinary } from '../../test/support/node/bare-workerd.ts'
import { steadyPort } from '../../test/support/node/steady-port.ts'
import { until } from '../../test/support/node/until.ts'

const READY_MS = 15_000

export interface SmallWorker {
  /** Without a path. */
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts `file`, of this folder, with these variables. */
export async function startSmallWorker(
  file: string,
  vars: Readonly<Record<string, string>> = {},
): Promise<SmallWorker> {
  const [port, folder] = await Promise.all([steadyPort(), mkdtemp(join(tmpdir(), 'gatehouse-bench-'))])
  await copyFile(fileURLToPath(new URL(file, import.meta.url)), join(folder, 'worker.js'))
  const config = join(folder, 'config.capnp')
  await writeFile(config, capnp(port, vars))
  const child = spawn(workerdBinary, ['serve', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  const stop = async () => {
    await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  try {
    // Any answer will do: what it says to a GET is its own affair.
    const answers = () =>
      fetch(url).then(
        async (response) => {
          await response.body?.cancel()
          return true
        },
        () => false,
      )
    await until(`${file} answers`, answers, READY_MS)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, pid: child.pid ?? 0, stop }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
}

function capnp(port: number, vars: Readonly<Record<string, string>>): string {
  const bindings = Object.entries(vars).map(
    ([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-09-01",
  bindings = [${bindings.join(', ')}],
);
`
}
