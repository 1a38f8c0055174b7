/** What real clients of both eras have in common: what tests do with them, how they answer, what they keep. */

export type Json = Readonly<Record<string, unknown>>

/** One notification, or one question of the server's, as it arrived. */
export interface Told {
  readonly method: string
  readonly params: Json
}

export type ElicitAnswer = {
  action: 'accept' | 'decline' | 'cancel'
  content?: Record<string, string | number | boolean | string[]>
}

export type SampleAnswer = { role: 'assistant'; content: { type: 'text'; text: string }; model: string }

/** How a client answers; by default it accepts with no content, samples 'Paris' and has one root. */
export interface SdkClientOptions {
  /** Sent as a bearer token. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly elicit?: (params: Json) => ElicitAnswer | Promise<ElicitAnswer>
  readonly sample?: (params: Json) => SampleAnswer | Promise<SampleAnswer>
  readonly roots?: readonly { uri: string; name?: string }[]
  /** Whether it says that it opens links (elicitation by URL). */
  readonly links?: boolean
  /** What it says that it cannot be asked for. */
  readonly without?: readonly ('elicitation' | 'sampling' | 'roots')[]
}

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Asks for progress. */
  readonly onprogress?: (progress: { progress: number; total?: number | undefined }) => void
  readonly timeoutMs?: number
}

/** What a tool answered. */
export interface ToolAnswer {
  readonly isError: boolean
  /** All text parts together. */
  readonly text: string
  readonly structured: Json
  readonly content: readonly Json[]
}

export type LogLevel = 'debug' | 'info' | 'warning' | 'error'

export interface Watch {
  readonly tools?: boolean
  readonly prompts?: boolean
  /** URIs of resources. */
  readonly resources?: readonly string[]
}

export interface SdkClient {
  /** The era that it speaks with this server. */
  readonly era: 'session' | 'stateless'
  readonly protocolVersion: string | undefined
  /** Of its HTTP session, where it has one. */
  readonly sessionId: string | undefined
  /** Every notification that has arrived since it connected, in order. */
  readonly notifications: readonly Told[]
  /** Everything that it was asked, in order, however the question came. */
  readonly questions: readonly Told[]
  callTool(name: string, args?: Json, options?: CallOptions): Promise<ToolAnswer>
  /** Any request. Rejects with the SDK's own error where the server refuses. */
  request(method: string, params?: Json, options?: CallOptions): Promise<Json>
  /** Names of all tools. */
  toolNames(): Promise<readonly string[]>
  /** Has the server tell when these change; the returned function ends that. */
  watch(what: Watch): Promise<() => Promise<void>>
  /** From which level on it wants to hear what a server logs. */
  setLogLevel(level: LogLevel): Promise<void>
  /** Hangs up; a session stays. */
  close(): Promise<void>
  /** Ends the session, where there is one, and hangs up. */
  end(): Promise<void>
}

/** Longer than anything that should happen in a test. */
const TIMEOUT_MS = 20_000

/** Makes a client's answers, and keeps the questions. */
export function answering({
  elicit,
  sample,
  roots = [{ uri: 'file:///test/root', name: 'Test root' }],
}: SdkClientOptions) {
  const questions: Told[] = []
  const keep = (method: string, params: object | undefined): Json => {
    const kept = { ...params }
    questions.push({ method, params: kept })
    return kept
  }
  const asked = {
    elicit: async (given: object | undefined): Promise<ElicitAnswer> => {
      const params = keep('elicitation/create', given)
      return (await elicit?.(params)) ?? { action: 'accept', content: {} }
    },
    sample: async (given: object | undefined): Promise<SampleAnswer> => {
      const params = keep('sampling/createMessage', given)
      const paris: SampleAnswer = {
        role: 'assistant',
        content: { type: 'text', text: 'Paris' },
        model: 'test',
      }
      return (await sample?.(params)) ?? paris
    },
    roots: (given: object | undefined) => {
      keep('roots/list', given)
      return { roots: [...roots] }
    },
  }
  return { asked, questions }
}

/** What it says that it can be asked for. */
export function capabilitiesOf({ without = [], links = false }: SdkClientOptions) {
  return {
    ...(without.includes('elicitation') ? {} : { elicitation: { form: {}, ...(links ? { url: {} } : {}) } }),
    ...(without.includes('sampling') ? {} : { sampling: {} }),
    ...(without.includes('roots') ? {} : { roots: {} }),
  }
}

/** What it sends with every request. */
export function headersOf({ token, headers = {} }: SdkClientOptions): Record<string, string> {
  return { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
}

/** Listens in on a connected transport, because the SDKs keep some notifications to themselves. */
export function overheard(transport: { onmessage?: unknown }): readonly Told[] {
  const told: Told[] = []
  const deliver = transport.onmessage as (message: object, extra?: unknown) => void
  transport.onmessage = (message: { id?: unknown; method?: string; params?: Json }, extra?: unknown) => {
    const { id, method, params = {} } = message
    if (id === undefined && method !== undefined) told.push({ method, params })
    deliver(message, extra)
  }
  return told
}

/**
 * A fetch, and the moment in which its GET is answered: before that a session-era client has no stream of its
 * own, and misses what it is told.
 */
export function fetchWithStream() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const fetchIt = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init)
    if (init?.method === 'GET') open()
    return response
  }
  return { fetch: fetchIt, opened }
}

/** As both SDKs take them. */
export function sdkOptions({ signal, onprogress, timeoutMs = TIMEOUT_MS }: CallOptions = {}) {
  return {
    timeout: timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    ...(onprogress === undefined ? {} : { onprogress }),
  }
}

/** Reads the result of a tools/call. */
export function toolAnswer(result: object): ToolAnswer {
  const {
    isError,
    content = [],
    structuredContent = {},
  } = result as {
    isError?: boolean
    content?: readonly { text?: string }[]
    structuredContent?: Json
  }
  return {
    isError: isError === true,
    text: content.map(({ text = '' }) => text).join(''),
    structured: structuredContent,
    content: content as readonly Json[],
  }
}
