/** A CPU profile of a Worker, over the inspector of `workerd serve --inspector-addr`. */

/** Self time of one function. */
export interface SelfTime {
  readonly name: string
  /** The source file from before bundling; `(runtime)` for what is no script. */
  readonly file: string
  /** Its line in the bundle, from 1; null for what is no script. */
  readonly line: number | null
  micros: number
}

export interface InspectedProfile {
  /** By function. */
  readonly selfMicros: ReadonlyMap<string, SelfTime>
}

const SAMPLE_EVERY_MICROS = 200

interface CallFrame {
  readonly functionName: string
  readonly scriptId: string
  readonly url: string
  /** From 0. */
  readonly lineNumber: number
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Profiles the first Worker behind that inspector while `work` runs. */
export async function inspect(address: string, work: () => Promise<void>): Promise<InspectedProfile> {
  const targets = (await (await fetch(`${address}/json`)).json()) as { webSocketDebuggerUrl: string }[]
  const target = targets[0]
  if (target === undefined) throw new Error(`no Worker behind the inspector at ${address}`)
  const session = await openSession(target.webSocketDebuggerUrl)
  try {
    await session.send('Profiler.enable')
    await session.send('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROS })
    await session.send('Profiler.start')
    await work()
    const { profile } = (await session.send('Profiler.stop')) as { profile: Profile }
    // Only now: a debugger that watches changes what is measured.
    await session.send('Debugger.enable')
    const scripts = new Map<string, string[]>()
    for (const { callFrame } of profile.nodes) {
      const { scriptId } = callFrame
      if (scripts.has(scriptId) || scriptId === '0') continue
      const source = await session.send('Debugger.getScriptSource', { scriptId }).catch(() => null)
      scripts.set(scriptId, String((source as { scriptSource?: string } | null)?.scriptSource).split('\n'))
    }
    return sum(profile, scripts)
  } finally {
    session.close()
  }
}

function sum(
  { nodes, samples, timeDeltas }: Profile,
  scripts: ReadonlyMap<string, string[]>,
): InspectedProfile {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const selfMicros = new Map<string, SelfTime>()
  samples.forEach((id, i) => {
    const frame = frames.get(id)
    if (frame === undefined) return
    const key = `${frame.scriptId}:${frame.lineNumber}:${frame.functionName}`
    const known = selfMicros.get(key) ?? describe(frame, scripts)
    // A delta leads up to its sample.
    known.micros += timeDeltas[i] ?? 0
    selfMicros.set(key, known)
  })
  return { selfMicros }
}

function describe(frame: CallFrame, scripts: ReadonlyMap<string, string[]>): SelfTime {
  const { functionName, scriptId, lineNumber, url } = frame
  const lines = scripts.get(scriptId)
  const name = functionName === '' ? '(anonymous)' : functionName
  if (lines === undefined) return { name, file: url === '' ? '(runtime)' : url, line: null, micros: 0 }
  return { name, file: sourceFile(lines, lineNumber) ?? url, line: lineNumber + 1, micros: 0 }
}

/** The bundler writes each file's path in a comment of its own above the file's code. */
function sourceFile(lines: readonly string[], lineNumber: number): string | null {
  for (let at = lineNumber; at >= 0; at--) {
    const path = /^\/\/ ((?:src|node_modules|\.\.).*\.[cm]?[jt]sx?)$/.exec(lines[at] ?? '')?.[1]
    if (path !== undefined) return path
  }
  return null
}

interface InspectorSession {
  send(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>
  close(): void
}

async function openSession(url: string): Promise<InspectorSession> {
  const socket = new WebSocket(url)
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`the inspector at ${url} does not answer`))
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  socket.onmessage = ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as {
      id?: number
      result?: unknown
      error?: { message: string }
    }
    const asked = id === undefined ? undefined : waiting.get(id)
    if (asked === undefined) return
    if (error === undefined) asked.resolve(result)
    else asked.reject(new Error(error.message))
  }
  socket.onclose = () => {
    for (const { reject } of waiting.values()) reject(new Error('the inspector closed the connection'))
  }
  let last = 0
  return {
    send: (method, params = {}) => {
      last += 1
      const asked = Promise.withResolvers<unknown>()
      waiting.set(last, asked)
      socket.send(JSON.stringify({ id: last, method, params }))
      return asked.promise
    },
    close: () => socket.close(),
  }
}
