/** A tool of the reference servers, told so that a server of either era can offer it. */
import type { World } from './world.ts'

type Json = Readonly<Record<string, unknown>>

export type Content =
  | { type: 'text'; text: string }
  | { type: 'image' | 'audio'; data: string; mimeType: string }
  | { type: 'resource'; resource: { uri: string; mimeType: string; text: string } }

/** What a tool answers. */
export type ToolResult = { content: Content[]; isError?: boolean }

/** One question to the client: in the session era a request of its own, in the stateless era part of a result. */
export type Question =
  | { readonly method: 'elicitation/create'; readonly params: { message: string; requestedSchema: Json } }
  | { readonly method: 'sampling/createMessage'; readonly params: { prompt: string; maxTokens: number } }
  | { readonly method: 'roots/list' }

/** What the client answered to them, by the name of the question. Nothing has checked it. */
export type Answers = Readonly<Record<string, Json>>

/** One call, and what a tool may do while it runs. */
export interface Call {
  readonly args: Json
  readonly answers: Answers
  readonly world: World
  /** Aborted when the client cancels. */
  readonly signal: AbortSignal
  /** Says nothing to a client that did not ask for progress. */
  progress(progress: number, total: number): Promise<void>
  /** Says nothing to a client that did not ask for that level. */
  log(level: 'debug' | 'info' | 'warning' | 'error', data: string): Promise<void>
  /** Ends the stream that the answer is due on, so that the client has to come back for it. */
  endStream(): void
}

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: Json & { readonly type: 'object' }
  /** What the client is asked before the call. */
  questions?(args: Json): Readonly<Record<string, Question>>
  call(call: Call): ToolResult | Promise<ToolResult>
}

export const noArguments = { type: 'object', properties: {} } as const

/** An object of these properties, all of them required. */
export function objectOf(properties: Readonly<Record<string, Json>>): Json & { readonly type: 'object' } {
  return { type: 'object', properties, required: Object.keys(properties) }
}

export function text(text: string): ToolResult {
  return { content: [{ type: 'text', text }] }
}
