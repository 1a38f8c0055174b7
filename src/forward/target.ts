/** The tool that a call is for. PURE. */
import type { CompiledConfig } from '../contract/compiled.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { originalName } from '../names/tools.ts'

/** The destination of a call. */
export interface Target {
  readonly upstream: UpstreamConfig
  /** The tool's name, as its own server knows it. */
  readonly tool: string
}

/** A client's name for a tool of an upstream server. */
export interface NamedTool {
  readonly server: string
  readonly name: string
  /** The server is one of several behind the URL, so that its names are changed where clients would not accept them. */
  readonly isMerged: boolean
}

/** The tool behind a name; null: there is no such server that the grant may reach. */
export function targetOf(config: CompiledConfig, { server, name, isMerged }: NamedTool): Target | null {
  const upstream = config.upstreams.get(server)
  if (upstream === undefined) return null
  return { upstream, tool: isMerged ? originalName(name, upstream.renamed) : name }
}
