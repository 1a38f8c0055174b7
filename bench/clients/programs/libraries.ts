/** Libraries with which people write agents: each in a process of its own, led through library/serve.mjs. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Running, start } from '../../outside/processes.ts'
import type { Connected, Place, Program, Shown } from '../program.ts'

const serve = fileURLToPath(new URL('../library/serve.mjs', import.meta.url))
const ORDER_MS = 45_000

function library(name: string, ...packages: string[]): Program {
  return {
    name,
    packages,
    folder: name.startsWith('client') ? 'client' : name,
    sessions: 'auto',
    start: (place) => startLibrary(name, place),
  }
}

export const libraries: readonly Program[] = [
  library('sdk', '@modelcontextprotocol/sdk@1.32.2'),
  library('client', '@modelcontextprotocol/client@2.4.0'),
  library('client-auto', '@modelcontextprotocol/client@2.4.0'),
  library('ai-sdk', '@ai-sdk/mcp@2.0.99'),
  library('langchain', '@langchain/mcp-adapters@1.1.4', '@langchain/core@1.4.0'),
  library('openai-agents', '@openai/agents@0.20.0'),
  library('mastra', '@mastra/mcp@2.0.0'),
]

async function startLibrary(name: string, { installed, url, token, env }: Place): Promise<Connected> {
  const script = join(installed, 'serve.mjs')
  await copyFile(serve, script)
  const running = start(process.execPath, [script, name, url, token], { cwd: installed, env, isFed: true })
  const { order, ready } = orders(running)
  await ready
  return {
    list: () => order({ op: 'list' }) as Promise<string[]>,
    call: (tool, args = {}) => order({ op: 'call', tool, args }) as Promise<Shown>,
    output: running.output,
    stop: async () => {
      await order({ op: 'close' }).catch(() => {})
      await running.stop()
    },
  }
}

interface Reply {
  readonly id?: number
  readonly ready?: true
  readonly result?: unknown
  readonly error?: string
}

/** A line for each order, a line for each answer. */
export function orders(running: Running) {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let last = 0
  const { child } = running
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it did not connect: ${running.output()}`)), ORDER_MS)
    if (child.stdout === null) throw new Error('no standard output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      const reply = parsed(line)
      if (reply?.ready) {
        clearTimeout(timer)
        resolve()
      }
      const order = reply?.id === undefined ? undefined : waiting.get(reply.id)
      if (order === undefined || reply === null) return
      if (reply.error === undefined) order.resolve(reply.result)
      else order.reject(new Error(reply.error))
    })
    void running.ended.then((code) => {
      clearTimeout(timer)
      const error = new Error(`it ended with ${code}: ${running.output().slice(-2_000)}`)
      reject(error)
      for (const order of waiting.values()) order.reject(error)
    })
  })
  const order = (what: Readonly<Record<string, unknown>>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const timer = setTimeout(() => reject(new Error(`no answer within ${ORDER_MS} ms`)), ORDER_MS)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        then()
      }
      waiting.set(last, {
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      })
      child.stdin?.write(`${JSON.stringify({ id: last, ...what })}\n`)
    })
  return { order, ready }
}

function parsed(line: string): Reply | null {
  try {
    return JSON.parse(line) as Reply
  } catch {
    // The library's own words.
    return null
  }
}
