/**
 * The internal form of a policy: what every dialect compiles to and the only thing `decide` reads.
 */

/** Calendar-aligned windows, in UTC (shared meaning of all dialects). */
export const windowNames = ['minute', 'hour', 'day'] as const
export type WindowName = (typeof windowNames)[number]

/** Whose calls a limit counts together: all calls of a grant, or those of one session. */
export const scopes = ['grant', 'session'] as const
export type Scope = (typeof scopes)[number]

/** "At most `max` calls per `window`, counted per `scope`." */
export interface Limit {
  /** Where the rule stands in the document, as a JSON Pointer (RFC 6901). */
  readonly rule: string
  /** The name the document gives the counter. */
  readonly counter: string
  /**
   * Which stored counter is charged. Two limits share one exactly when they name the same counter, window
   * and scope below the same tool (or both below `all_tools`), so an edited `max` keeps what was counted.
   */
  readonly key: string
  readonly window: WindowName
  readonly max: number
  readonly scope: Scope
  /** The document's own words for the agent, or null for ours. */
  readonly message: string | null
}

/** An unconditional refusal of one tool. */
export interface Denial {
  readonly rule: string
  readonly message: string | null
}

export interface ToolRules {
  readonly rule: string
  readonly denial: Denial | null
  readonly limits: readonly Limit[]
}

export interface Policy {
  readonly defaultAction: 'allow' | 'deny'
  readonly hidesAll: boolean
  readonly hidden: ReadonlySet<string>
  readonly tools: ReadonlyMap<string, ToolRules>
  /** Limits on every call, charged after the tool's own. */
  readonly allTools: readonly Limit[]
}

/** Why a call is refused before anything is counted. */
export type DenialCode = 'no_policy' | 'hidden' | 'default_deny' | 'denied'

export type Decision =
  | {
      readonly action: 'deny'
      readonly code: DenialCode
      readonly rule: string
      /** What the agent is told. */
      readonly message: string
    }
  | {
      readonly action: 'allow'
      readonly rule: string
      /** Every one must have room, and each is charged, or none is. */
      readonly limits: readonly Limit[]
    }
