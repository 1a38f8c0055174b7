/** What the administration API and a TenantObject say to each other. Plain data: it crosses an RPC boundary. */
import type { KnownEras, UpstreamConfig, UpstreamFailure } from '../upstream/config.ts'
import type { ServerDocument } from './server-document.ts'

/** What a change came to. Nothing of a change that was refused has happened. */
export type Change<T> =
  | {
      readonly kind: 'done'
      readonly created: boolean
      /** What is there now. */
      readonly now: T
      /** Principals that could not be told yet; the object goes on trying. */
      readonly pending: number
    }
  | RefusedChange

export interface RefusedChange {
  /** The document cannot be meant, or it does not fit with what is there. */
  readonly kind: 'invalid' | 'conflict'
  readonly problems: readonly string[]
}

export type Removal =
  | { readonly kind: 'removed'; readonly pending: number }
  | { readonly kind: 'absent' }
  | RefusedChange

export interface TenantView {
  readonly settingsJson: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** A server without its secrets. */
export interface ServerView {
  readonly name: string
  readonly document: Omit<ServerDocument, 'headers'>
  readonly headerNames: readonly string[]
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly status: ServerStatus
}

export interface ServerStatus {
  readonly eras: KnownEras
  readonly protocolVersion: string | null
  readonly serverInfo: { readonly name: string; readonly version: string } | null
  readonly lastSuccessAtMs: number | null
  readonly successes: number
  readonly failures: number
  readonly lastFailure: {
    readonly atMs: number
    readonly kind: UpstreamFailure
    readonly message: string
  } | null
  readonly breaker: 'closed' | 'open' | 'half_open'
  readonly tools: number
  readonly catalogueAtMs: number | null
  /** The first of those that have drifted, by name. */
  readonly drift: readonly DriftView[]
  readonly driftTotal: number
  readonly flags: readonly FlagView[]
  readonly renamed: Readonly<Record<string, string>>
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[]
}

/** What a listing may show, now that it has been compared with the pins. */
export type Verdict = Pick<UpstreamConfig, 'withheld' | 'renamed'>

/** A server's tools as they were last listed. */
export interface Catalogue {
  readonly version: string
  /** JSON array of tools. */
  readonly toolsJson: string
  /** JSON object: what is pinned of each tool that has drifted; null where that is too long to be kept. */
  readonly driftedJson: string
}

export interface DriftView {
  readonly tool: string
  readonly sinceMs: number
  /** JSON array of {field, before, after}. */
  readonly diffJson: string
}

export interface FlagView {
  readonly tool: string
  readonly kind: string
  readonly where: string
  readonly found: string
}

/** A policy without its document. */
export interface PolicySummary {
  readonly name: string
  readonly version: number
  /** Of this version. */
  readonly createdAtMs: number
}

export interface PolicyView extends PolicySummary {
  readonly documentJson: string
}

export interface GrantView {
  readonly name: string
  readonly label: string
  readonly policy: string | null
  readonly servers: readonly string[] | '*'
  readonly origin: 'tenant' | 'demo'
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly expiresAtMs: number | null
  /** The principal has yet to be told of the last change. */
  readonly isPending: boolean
}

/** What a grant's document says. */
export interface GrantDocument {
  readonly label: string
  readonly policy: string | null
  readonly servers: readonly string[] | '*'
  readonly expiresAtMs: number | null
}

/** Thrown inside a transaction, so that nothing of it happens. */
export class Refusal extends Error {
  readonly kind: RefusedChange['kind']
  readonly problems: readonly string[]

  constructor(kind: RefusedChange['kind'], problems: readonly string[]) {
    super(problems.join('; '))
    this.kind = kind
    this.problems = problems
  }
}
