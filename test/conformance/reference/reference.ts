/** A reference server of the conformance suite: what the suite expects of a server, and a little more. */
import type { Received } from './serve.ts'
import type { World } from './world.ts'

export interface Reference {
  /** Where it speaks MCP. */
  readonly url: string
  readonly world: World
  /** Everything that has arrived, in order. */
  readonly requests: readonly Received[]
  stop(): Promise<void>
}

export const implementation = { name: 'gatehouse-reference', version: '1.0.0' }

export const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
}
