/** The protocol between the administration API and a TenantObject. Plain data: it crosses an RPC boundary. */
import type { LeftOut } from '../names/tools.ts'
import type { GrantDocument } from './grant-document.ts'
import type { PersonDocument } from './person-document.ts'
import type { SecretHeader, ServerDocument } from './server-document.ts'
import type { KnownEras, LeftOutReport, UpstreamConfig, UpstreamFailure } from './upstream.ts'

/** The precondition of a change: the resource has one of these versions (`*`: any), or does not exist. */
export interface Expected {
  readonly tags: readonly string[] | '*' | null
  readonly absent: boolean
}

/** The actor of a change, the reason for it, and its precondition. */
export interface ChangeContext {
  /** `root`, or `person:<name>`. */
  readonly actor: string
  readonly reason: string | null
  readonly expected: Expected
}

/** A part of a list, in the order of names. */
export interface Page {
  /** Names after this one; null for the beginning. */
  readonly after: string | null
  readonly limit: number
}

/** The progress of a change's propagation. The names are those of the API's answers. */
export interface Propagation {
  /** Principals that go by the change already. */
  readonly told: number
  /** Principals that it has not reached yet; the object goes on trying. */
  readonly pending: number
}

/** The result of a change. A refused change has done nothing. */
export type Change<T> =
  | ({
      readonly kind: 'done'
      readonly created: boolean
      /** The tenant was made first, which nobody has asked for by name. */
      readonly madeTenant: boolean
      /** The tenant's agents are refused, whatever was changed. */
      readonly isSuspended: boolean
      /** The present state. */
      readonly now: T
    } & Propagation)
  | RefusedChange

export interface RefusedChange {
  /**
   * The document cannot be meant, it does not fit with what is there, that is not what the caller expected, or it is not for
   * this caller to change.
   */
  readonly kind: 'invalid' | 'conflict' | 'stale' | 'forbidden'
  readonly problems: readonly string[]
}

export type Removal =
  | ({ readonly kind: 'removed' } & Propagation)
  | { readonly kind: 'absent' }
  | RefusedChange

/** The administrators that a change of people leaves. */
export interface LeftAdmins {
  /** Nobody is admin any more. Absent while an object of an earlier version answers. */
  readonly leavesNoAdmin?: boolean
  /** No admin has a token any more. */
  readonly leavesNoAdminToken?: boolean
}

/** The grants and policies that name a server. */
export interface ServerUses {
  /** Grants that name it in their servers. */
  readonly grants: readonly string[]
  /** Grants that reach every server, and so this one. */
  readonly every: readonly string[]
  /** Policies in force that name it, each with the tools, and with the keys of resources and prompts. */
  readonly policies: readonly {
    readonly name: string
    readonly tools: readonly string[]
    readonly reads: readonly string[]
  }[]
}

/** The approvals of a grant after a change of it, as far as its principal has reported. */
export interface ApprovalsLeft {
  /** Calls that waited for a person, or were approved and not made, and that nobody can approve or make any more. */
  readonly closed: number
  /** Calls that wait still, or are approved still. */
  readonly open: number
}

export interface TenantView {
  readonly tag: string
  readonly suspendedAtMs: number | null
  readonly settingsJson: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** The state of a tenant's deletion. */
export type DeletionView =
  | { readonly kind: 'gone'; readonly lost: number }
  | {
      readonly kind: 'going'
      readonly sinceMs: number
      /** Events that are undelivered by then are lost. */
      readonly byMs: number
      readonly principals: number
    }
  | { readonly kind: 'absent' }

/** The document of a person. */
export interface PersonView extends PersonDocument {
  readonly name: string
  /** The number of their tokens that are valid now. */
  readonly tokens: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tag: string
}

/** A secret without its value. */
export interface SecretView {
  readonly name: string
  /** The origins that it may be sent to; a server elsewhere cannot name it. None: it was stored before secrets had any. */
  readonly origins: readonly string[]
  /** The key that it is sealed with. */
  readonly keyId: string
  /** Servers whose headers are made of it. */
  readonly servers: readonly string[]
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tag: string
}

/** A server without its secrets. */
export interface ServerView {
  readonly tag: string
  /** Headers that are made of a named secret. */
  readonly secretHeaders: Readonly<Record<string, SecretHeader>>
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
  /** Null: none has ended since the server was registered, moved, or replaced while its tools were not known. */
  readonly lastScan: { readonly atMs: number; readonly problem: string | null } | null
  readonly breaker: 'closed' | 'open' | 'half_open'
  readonly tools: number
  readonly catalogueAtMs: number | null
  /** The first of those that have drifted, by name. */
  readonly drift: readonly DriftView[]
  readonly driftTotal: number
  readonly flags: readonly FlagView[]
  readonly renamed: Readonly<Record<string, string>>
  /** Without a kind: tools. */
  readonly leftOut: readonly (LeftOut & { readonly kind?: LeftOutReport['kind'] })[]
}

/** The tools of a listing that may be shown, now that it has been compared with the pins. */
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
  /** The time at which this version was made. */
  readonly createdAtMs: number
  readonly createdBy: string
  readonly reason: string | null
  /** The tag of the policy as it is now, whatever version this is. */
  readonly tag: string
  readonly isCurrent: boolean
  /** The policy was deleted, once, while this version was the current one; it may be there again. */
  readonly deletion: {
    readonly atMs: number
    readonly by: string
    readonly reason: string | null
  } | null
}

export interface PolicyView extends PolicySummary {
  readonly documentJson: string
}

export interface GrantView extends GrantDocument {
  readonly name: string
  /** `"*"` alone is every native server, too. */
  readonly everyNative: boolean
  readonly origin: 'tenant' | 'demo'
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tag: string
  /** Until when the secret before this one is good, too; null: it is not. */
  readonly olderUntilMs: number | null
  /** The principal does not have the last change yet. */
  readonly isPending: boolean
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

/** The result of a round of resealing. */
export interface Resealed {
  readonly kind: 'resealed'
  /** The current key. */
  readonly key: string
  readonly resealed: number
  /** Still sealed with another key. */
  readonly left: number
  /** The number of them that no key opens. */
  readonly stuck?: number
  /** Principals that could not be reached yet. */
  readonly pending: number
}

/** The result of resealing a page of principals. */
export interface PrincipalsResealed {
  readonly kind: 'principals_resealed'
  readonly resealed: number
  /** Still sealed with another key; `stuck` of them are opened by none. */
  readonly left: number
  readonly stuck: number
  /** Principals that did not answer, or do not have the key yet: what they hold is not counted. */
  readonly unknown: number
  /** `after` of the next page; null: all were asked. */
  readonly next: string | null
}

/** The first request of an `Idempotency-Key`, and its sealed answer; null while it has none. */
export interface IdempotentRequest {
  readonly digest: string
  readonly sealedSeed: string
  readonly sealedAnswer: string | null
}

/** A complete listing of a server's tools, as an isolate has received it. */
export interface ObservedListing {
  /** Names exactly this listing. */
  readonly digest: string
  /** The incarnation of the registration that listed them; absent: any registration of the name, as in older versions. */
  readonly incarnation?: string | undefined
  /** JSON array of tools. */
  readonly toolsJson: string
}

export interface ToolSchemas {
  /** JSON array of [server, tool, input schema]. */
  readonly toolsJson: string
  /** All upstream servers, by name. */
  readonly servers: readonly ListedServer[]
}

export interface ListedServer {
  readonly name: string
  /** Its tools are known. */
  readonly isListed: boolean
  /** Exposed name (behind `<server>__`) to the server's own, for those whose own does not fit. */
  readonly renamed: Readonly<Record<string, string>>
}
