/** A client of the session era on the standard input and output of a program (MCP 2025-11-25, transports, stdio). */
import { createInterface } from 'node:readline'
import type { Running } from '../outside/processes.ts'

const ANSWER_MS = 45_000

export interface StdioClient {
  initialize(): Promise<void>
  /** The result; rejects with the error's message where there is one. */
  request(method: string, params: object): Promise<unknown>
}

export function stdioClient(running: Running): StdioClient {
  const { child } = running
  const waiting = new Map<number, (message: Answer) => void>()
  let last = 0
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = parsed(line)
      if (message?.method === undefined && typeof message?.id === 'number') waiting.get(message.id)?.(message)
    })
  const write = (message: object) => child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)

  const request = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const id = last
      const fail = (why: string) => {
        clearTimeout(timer)
        waiting.delete(id)
        reject(new Error(why))
      }
      const timer = setTimeout(() => fail(`${method}: no answer within ${ANSWER_MS} ms`), ANSWER_MS)
      waiting.set(id, ({ result, error }) => {
        if (error !== undefined) return fail(`${error.code}: ${error.message}`)
        clearTimeout(timer)
        resolve(result)
      })
      void running.ended.then((code) => fail(`it ended with ${code}: ${running.output().slice(-1_000)}`))
      write({ id, method, params })
    })

  return {
    request,
    initialize: async () => {
      const clientInfo = { name: 'lab', version: '1' }
      await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
      write({ method: 'notifications/initialized' })
    },
  }
}

interface Answer {
  readonly id?: unknown
  readonly method?: string
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

function parsed(line: string): Answer | null {
  try {
    return JSON.parse(line) as Answer
  } catch {
    return null
  }
}
