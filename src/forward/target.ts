/** The tool that a call is for. */
import type { UpstreamConfig } from '../contract/upstream.ts'

/** Where a call goes. */
export interface Target {
  readonly upstream: UpstreamConfig
  /** The tool's name, as its own server knows it. */
  readonly tool: string
}
