/** The facts about an upstream server that a request needs: part of the tenant's configuration, as plain data. */
import type { Declared } from './declared.ts'

/** The treatment of a tool that has changed since it was pinned. */
export const driftActions = ['report', 'hide', 'block'] as const
export type DriftAction = (typeof driftActions)[number]

/** Which eras of MCP a server speaks; null where nobody has found out yet. */
export interface KnownEras {
  readonly session: boolean | null
  readonly stateless: boolean | null
}

/** An upstream server that a grant may reach. */
export interface UpstreamConfig {
  readonly name: string
  /** Names this registration: a server that is removed and registered again has another. Absent in what older versions stored. */
  readonly incarnation?: string
  readonly url: string
  /** Headers that are added to every request, by lower-case name; the values are sealed (secrets/seal.ts). */
  readonly headers: Readonly<Record<string, string>>
  /** Until the response's headers, between two pieces of its body, and for a whole call. */
  readonly responseSeconds: number
  readonly idleSeconds: number
  readonly callSeconds: number
  /** For its part of what all servers are asked at `/mcp`. Absent in what older versions stored: 5. */
  readonly listSeconds?: number
  readonly maxResponseBytes: number
  /** Requests that one isolate may have open. */
  readonly maxConcurrent: number
  /** Failures in a row after which the server is left alone, and for how long. */
  readonly breakerFailures: number
  readonly breakerSeconds: number
  readonly eras: KnownEras
  /** The declared capabilities in each era. Absent in what older versions stored. */
  readonly declared?: Declared
  /** Tools that have drifted from their pins and are withheld until an administrator accepts them. */
  readonly withheld: Readonly<Record<string, 'hidden' | 'blocked'>>
  /** Exposed name (behind `<server>__`) to the server's own, for tools whose own does not fit. */
  readonly renamed: Readonly<Record<string, string>>
  /** Grows with every change of the pins, drift, names or the server's document. Absent in what older versions stored. */
  readonly pinsRevision?: number
  /** Digests of listings that have been compared with the pins already (upstream/pins.ts). */
  readonly seen: readonly string[]
  /** Version of the last known tools, for `TenantObject.catalogue`; null before the first listing. */
  readonly catalogue: string | null
  /**
   * Names of the last known tools. Absent before the first listing, where they are too long to travel (then the catalogue
   * has them), and in what was stored before they were kept.
   */
  readonly tools?: readonly string[]
}

/** Returns how long others wait for the server's part at `/mcp`, in seconds. */
export function listSecondsOf({ listSeconds = 5 }: Pick<UpstreamConfig, 'listSeconds'>): number {
  return listSeconds
}

/** Why an upstream did not answer as it should. */
export type UpstreamFailure =
  | 'refused'
  | 'timeout'
  | 'broken'
  | 'too_large'
  | 'redirect'
  | 'unauthorized'
  | 'rate_limited'
  | 'http_error'
  | 'not_mcp'
  | 'wrong_id'

/** Entries of a list other than the tools, which one page leaves out. */
export interface LeftOutReport {
  readonly kind: 'prompts' | 'resources' | 'resourceTemplates'
  readonly entries: readonly { readonly name: string; readonly reason: string }[]
}

/** An isolate's findings about a server; members without news are absent. */
export interface UpstreamReport {
  readonly atMs: number
  /** The incarnation of the registration that it is about; absent: any registration of the name, as in older versions. */
  readonly incarnation?: string | undefined
  /** Null forgets what was known of an era. */
  readonly eras?: Partial<KnownEras>
  readonly declared?: Partial<Declared>
  readonly protocolVersion?: string
  readonly serverInfo?: { readonly name: string; readonly version: string }
  readonly successes?: number
  readonly failures?: number
  readonly lastFailure?: { readonly atMs: number; readonly kind: UpstreamFailure; readonly message: string }
  readonly breaker?: 'closed' | 'open' | 'half_open'
  /** The result of a scan of the server at this URL; `problem` says in words why there is no list. */
  readonly scan?: { readonly atMs: number; readonly url: string; readonly problem: string | null }
  /** Takes the place of the last report of that kind; null: for no kind is known what is left out. */
  readonly leftOut?: LeftOutReport | null
}

export interface SessionNames {
  readonly id: string | null
  readonly protocolVersion: string
}

export interface UpstreamProblem {
  readonly failure:
    | UpstreamFailure
    | 'busy'
    | 'resting'
    | 'misconfigured'
    | 'cancelled'
    /** It asked the client for something that the client could not or did not give. */
    | 'unanswered'
    /** It was not waited for, for others' sake. */
    | 'slow'
    /** It has not declared the capability, so it was not asked. */
    | 'undeclared'
  /** The problem, as the end of a sentence that begins with the server's name. */
  readonly message: string
  /** Nothing was sent, or what was sent was refused for our sake: the call surely did not happen. */
  readonly isUndone: boolean
  /** HTTP status of the upstream, or null where it sent none. */
  readonly status: number | null
  readonly retryAfterSeconds: number | null
  /** The server's own words. For an administrator alone: never for an agent, nor the log. */
  readonly detail?: string
}
