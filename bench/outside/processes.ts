/** Programs of others: in a home of their own, in a process group of their own, and stopped by its id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

export interface Running {
  readonly child: ChildProcess
  /** Standard output and error so far. */
  output(): string
  /** Standard output alone. */
  stdout(): string
  /** Settles with the exit code when it has ended; null where a signal ended it. */
  readonly ended: Promise<number | null>
  /** Ends it and all that it started. */
  stop(): Promise<void>
}

export interface Start {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Kept open for what is written later; else it is at its end at once. */
  readonly isFed?: boolean
}

const STOP_MS = 3_000

/** What runs now, so that nothing outlives the lab. */
const live = new Set<Running>()

/** Ends whatever is still running, by its id. */
export async function stopAll(): Promise<void> {
  await Promise.all([...live].map((running) => running.stop()))
}

/** The environment of a program: nothing of this machine's own but where its tools are. */
export function bareEnvironment(home: string): Record<string, string> {
  return {
    HOME: home,
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    TMPDIR: join(home, 'tmp'),
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_STATE_HOME: join(home, '.local/state'),
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    CI: '1',
    // What phones home is told not to.
    DO_NOT_TRACK: '1',
    NO_UPDATE_NOTIFIER: '1',
    npm_config_update_notifier: 'false',
    NO_PROXY: '127.0.0.1,localhost',
  }
}

export function start(command: string, args: readonly string[], { cwd, env, isFed = false }: Start): Running {
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: [isFed ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let stdout = ''
  child.stdout?.on('data', (chunk) => {
    stdout += String(chunk)
    output += String(chunk)
  })
  child.stderr?.on('data', (chunk) => (output += String(chunk)))
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      output += String(error)
      resolve(127)
    })
    child.once('close', resolve)
  })
  const running: Running = {
    child,
    output: () => output,
    stdout: () => stdout,
    ended,
    stop: () => stop(child, ended),
  }
  live.add(running)
  void ended.then(() => live.delete(running))
  return running
}

/** Ends a process that a program has left behind, by the id that it wrote down; nothing where it is gone. */
export function endLeftBehind(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  const signal = (name: NodeJS.Signals) => {
    try {
      // The group, for what it started may outlive it.
      process.kill(-pid, name)
    } catch {
      // It is gone.
    }
  }
  signal('SIGTERM')
  const killer = setTimeout(() => signal('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(killer)
  signal('SIGKILL')
}

/** Runs a command to its end and returns what it printed; rejects where it fails or takes longer than `timeoutMs`. */
export async function run(
  command: string,
  args: readonly string[],
  options: Start,
  timeoutMs: number,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly output: string }> {
  const running = start(command, args, options)
  const timer = setTimeout(() => void running.stop(), timeoutMs)
  const code = await running.ended
  clearTimeout(timer)
  return { code, stdout: running.stdout(), output: running.output() }
}
