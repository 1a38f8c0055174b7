/** The HTTP sessions of a session-era server: which request belongs to which. */
import { randomUUID } from 'node:crypto'
import { type EventStore, newEventStore } from './event-store.ts'

/** How long a client is asked to wait before it comes back for a stream that ended early. */
const RETRY_MS = 100

/** What both SDKs' transports take. */
export interface TransportOptions {
  readonly sessionIdGenerator: () => string
  readonly eventStore: EventStore<never>
  readonly retryInterval: number
  readonly onsessioninitialized: (id: string) => void
  readonly onsessionclosed: (id: string) => void
}

/** One session: its transport, with a server connected to it. */
export interface Session {
  handleRequest(request: Request): Promise<Response>
  close(): Promise<void>
}

export interface Sessions {
  handle(request: Request): Promise<Response>
  stop(): Promise<void>
}

/** Opens a session for every request that comes without one, and keeps it if that was an initialize. */
export function newSessions(open: (options: TransportOptions) => Promise<Session>): Sessions {
  const live = new Map<string, Session>()
  const handleFirst = async (request: Request) => {
    let opened: string | undefined
    const session = await open({
      sessionIdGenerator: randomUUID,
      eventStore: newEventStore(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => {
        opened = id
        live.set(id, session)
      },
      onsessionclosed: (id) => {
        live.delete(id)
      },
    })
    const response = await session.handleRequest(request)
    if (opened === undefined) await session.close()
    return response
  }
  return {
    handle: async (request) => {
      const id = request.headers.get('mcp-session-id')
      if (id === null) return handleFirst(request)
      return live.get(id)?.handleRequest(request) ?? noSuchSession()
    },
    stop: async () => {
      await Promise.all([...live.values()].map((session) => session.close()))
    },
  }
}

function noSuchSession(): Response {
  const error = { code: -32001, message: 'Session not found' }
  return Response.json({ jsonrpc: '2.0', error, id: null }, { status: 404 })
}
