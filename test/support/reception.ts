/** The two ends of an answer in tests: an upstream's response, piece by piece, and what is made of it. */
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/contract/env.ts'
import type { UpstreamConfig, UpstreamProblem } from '../../src/contract/upstream.ts'
import type { Hold } from '../../src/upstream/http.ts'
import type { UpstreamLink } from '../../src/upstream/link.ts'
import { codeOf } from '../../src/upstream/problem.ts'
import { receive } from '../../src/upstream/receive.ts'
import type { Ending, Reception } from '../../src/upstream/reception.ts'
import { Watchdog } from '../../src/upstream/watchdog.ts'

export const upstream: UpstreamConfig = {
  name: 'crm',
  url: 'https://crm.example.com/mcp',
  headers: {},
  responseSeconds: 1,
  idleSeconds: 1,
  callSeconds: 60,
  maxResponseBytes: 8 * 1024 * 1024,
  maxConcurrent: 2,
  breakerFailures: 3,
  breakerSeconds: 30,
  eras: { session: null, stateless: null },
  withheld: {},
  renamed: {},
  seen: [],
  catalogue: null,
}

/** A link to it that keeps what was put behind the answer. */
export function linkOf(
  config: Partial<UpstreamConfig> = {},
  tenant = 'acme',
): UpstreamLink & { readonly behind: Promise<unknown>[] } {
  const behind: Promise<unknown>[] = []
  return {
    env: env as unknown as Env,
    tenant,
    config: { ...upstream, ...config },
    credentials: {},
    hops: '',
    waitUntil: (work) => void behind.push(work),
    behind,
  }
}

/** What an upstream sends, as a test goes on. */
export interface Source {
  send(text: string): void
  end(): void
  break(): void
  /** Whether nobody reads it any more. */
  isCancelled(): boolean
}

export interface Received {
  readonly response: Response
  readonly source: Source
  /** How it ended; exactly once, or never. */
  readonly endings: readonly Ending[]
  /** What the hold was told. */
  readonly holds: readonly (UpstreamProblem | null)[]
}

/** Receives an answer to request 7 of which the whole is sent before, or which goes on. */
export async function received(
  type: string,
  pieces: readonly string[],
  options: {
    readonly status?: number
    readonly ends?: boolean | 'broken'
    readonly config?: Partial<UpstreamConfig>
  } & Partial<Pick<Reception, 'rewriting' | 'acceptsEvents' | 'headers' | 'mayResume'>> = {},
): Promise<Received> {
  const { status = 200, ends = true, config, ...reception } = options
  const encoder = new TextEncoder()
  const endings: Ending[] = []
  const holds: (UpstreamProblem | null)[] = []
  let cancelled = false
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const link = linkOf(config)
  const watchdog = new Watchdog(link.config.idleSeconds * 1_000, link.config.callSeconds * 1_000)
  const body = new ReadableStream<Uint8Array>({
    start: (it) => {
      controller = it
      // As fetch does it: an aborted request breaks its body.
      watchdog.signal.addEventListener('abort', () => it.error(new Error('aborted')))
    },
    cancel: () => {
      cancelled = true
    },
  })
  const source: Source = {
    send: (text) => controller.enqueue(encoder.encode(text)),
    end: () => controller.close(),
    break: () => controller.error(new Error('reset')),
    isCancelled: () => cancelled,
  }
  for (const piece of pieces) source.send(piece)
  if (ends === true) source.end()
  const hold: Hold = {
    link,
    watchdog,
    end: (problem) => {
      watchdog.stop()
      holds.push(problem)
    },
  }
  const answering = receive(
    new Response(status === 204 || status === 205 ? null : body, {
      status,
      headers: { 'content-type': type },
    }),
    hold,
    {
      id: 7,
      mayResume: true,
      acceptsEvents: () => true,
      rewriting: null,
      ...reception,
      failure: (problem) => ({ jsonrpc: '2.0', id: 7, error: { code: -1, message: codeOf(problem) } }),
      onEnd: (ending) => endings.push(ending),
    },
  )
  if (ends === 'broken') {
    // What was sent has been read by then.
    await Promise.race([answering, new Promise((resolve) => setTimeout(resolve, 20))])
    source.break()
  }
  return { response: await answering, source, endings, holds }
}
