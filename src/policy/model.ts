/**
 * The internal form of a policy: what every dialect compiles to and the only thing `decide` reads.
 */
import type { Glob } from './glob.ts'
import type { ConcealedPath } from './path.ts'

/** The kinds of requests to read, beside calls of tools. */
export const readKinds = ['resource', 'prompt'] as const
export type ReadKind = (typeof readKinds)[number]
export type Kind = 'tool' | ReadKind

/** One call of a tool, or one request to read, as far as a policy may look at it. */
export interface Call {
  /** Absent: a call of a tool. */
  readonly kind?: Kind | undefined
  /** The tool; or what is read, as reading.ts names it. */
  readonly tool: string
  /** Another name that rules may use for the tool; rules for `tool` itself come before those for it. */
  readonly alias?: string | undefined
  /** The arguments as parsed from JSON. */
  readonly args: Readonly<Record<string, unknown>>
  /** The argument whose values are completed, of a prompt or a resource template; absent for anything else. */
  readonly completion?: Completion | undefined
  /** The tool's own annotations (MCP ToolAnnotations), where it has some. */
  readonly annotations?: Readonly<Record<string, unknown>> | undefined
}

/** The caller and the time. */
export interface Context {
  /** Unix milliseconds. */
  readonly nowMs: number
  /** The account of the session, or null for no session or one without a login. */
  readonly account: string | null
  /** The grant's name for people. */
  readonly label: string
}

/** Calendar-aligned windows, in UTC (shared meaning of all dialects). */
export const windowNames = ['minute', 'hour', 'day'] as const
export type WindowName = (typeof windowNames)[number]

/** The way in which a limit cuts time. Plain data: it crosses the boundary to the object that counts. */
export interface Window {
  readonly lengthMs: number
  /** Any stretch of `lengthMs`, instead of those that begin at multiples of it. */
  readonly sliding: boolean
}

/** The calls that a limit counts together. */
export const scopes = ['grant', 'session', 'account', 'tenant'] as const
export type Scope = (typeof scopes)[number]

/** "At most `max` per `window`, counted per `scope`." Plain data. */
export interface Charge {
  /** The rule's place in the document, as a JSON Pointer (RFC 6901). */
  readonly rule: string
  /** The name the document gives the counter. */
  readonly counter: string
  /**
   * Which stored counter is charged. Two limits share one exactly when they name the same counter, window
   * and scope below the same tool (or both below `all_tools`), so an edited `max` keeps what was counted.
   */
  readonly key: string
  readonly window: Window
  readonly scope: Scope
  /** Decimal text; null counts without limiting, for a limit that stands elsewhere. */
  readonly max: string | null
  /** `max` itself is too much already: the rule dialect's `lt`. */
  readonly strict: boolean
  /** The amount that this call adds, as decimal text; "0" where the limit looks at another tool's counter. */
  readonly amount: string
  /** The counted unit: calls, or the sum of an argument. */
  readonly unit: 'calls' | 'sum'
  /** The document's own words for the agent, or null for ours. */
  readonly message: string | null
  /** Only records that it would have refused. */
  readonly shadow: boolean
}

/** A limit before a call is known: its amount may depend on an argument. */
export interface Limit {
  /** The amount in it holds where `from` is null. */
  readonly charge: Charge
  /** The argument whose value is added. */
  readonly from: { readonly path: string; readonly look: Look } | null
}

/** The effect of a rule without counters, and its conditions. */
export interface Check {
  readonly rule: string
  /** `require`: denies unless the conditions hold. `deny` and `approve`: act if they hold, and also when that is unknown. */
  readonly effect: 'require' | 'deny' | 'approve'
  readonly test: Test
  readonly message: string | null
  readonly shadow: boolean
}

/** Everything that is asked of a call to one tool, those on every tool included; or of reading, by one entry. */
export interface ToolRules {
  /** The rule that allows the tool when nothing objects. */
  readonly rule: string
  readonly checks: readonly Check[]
  readonly limits: readonly Limit[]
  /** `limits` as charges, where none depends on an argument: then every call is charged the same. */
  readonly charges: readonly Charge[] | null
  /** The values that the approver of a call is not shown. */
  readonly conceals: readonly ConcealedPath[]
  /** Conditions look at the session's account or the grant's label. */
  readonly usesContext: boolean
  /** Conditions look at what the tool says of itself. */
  readonly usesAnnotations: boolean
}

export interface Policy {
  readonly defaultAction: 'allow' | 'deny'
  readonly hidesAll: boolean
  readonly hidden: ReadonlySet<string>
  readonly tools: ReadonlyMap<string, ToolRules>
  /** The rules for a tool that is not named. */
  readonly others: ToolRules
  /** Null: the document says nothing of reading resources, so it allows that. */
  readonly resources: Reading | null
  /** Null: the document says nothing of prompts, so it allows them. */
  readonly prompts: Reading | null
  /** The rules for reading where the document does not mention it: the limits on everything, and no more. */
  readonly unsaid: ToolRules
  /** The whole policy only records what it would have done. */
  readonly shadow: boolean
}

/** A document's section on what may be read. */
export interface Reading {
  readonly kind: ReadKind
  /** In the order in which they are compared. */
  readonly patterns: readonly ReadingPattern[]
  /** The rules where no entry matches what is read, and the default allows. */
  readonly others: ToolRules
}

/** The rules of a document for all that one key matches. */
export interface ReadingEntry {
  readonly key: string
  /** It is neither listed nor read, as if it were not there. */
  readonly hides: boolean
  readonly rules: ToolRules
}

/** Why a call is refused before anything is counted. */
export type DenialCode = 'no_policy' | 'hidden' | 'default_deny' | 'denied' | 'ambiguous'

/** One condition that was evaluated, for administrators. It shows the type of the argument alone, never its value. */
export interface Sight {
  /** The condition's place, as a JSON Pointer. */
  readonly condition: string
  readonly path: string
  readonly op: string
  /** The policy's side of the comparison: a constant of its own. */
  readonly value: unknown
  /** The JSON type of what was there, `nothing`, or what was in the way; of `[*]`, of each element. */
  readonly saw: string
  readonly outcome: Truth
}

/** `unknown`: the types do not fit, the text is too long, or the elements are too many. */
export type Truth = 'holds' | 'fails' | 'unknown'

/** The effect that a rule in shadow would have had. */
export interface Shadow {
  readonly action: 'deny' | 'require_approval'
  readonly rule: string
  readonly message: string
}

interface Decided {
  readonly rule: string
  readonly trace: readonly Sight[]
  readonly shadow: readonly Shadow[]
}

export interface Denied extends Decided {
  readonly action: 'deny'
  readonly code: DenialCode
  /** The text for the agent. */
  readonly message: string
}

export interface ApprovalRequired extends Decided {
  readonly action: 'require_approval'
  readonly code: 'approval_required'
  readonly message: string
  /** The charges of the call once it is approved. */
  readonly charges: readonly Charge[]
}

export interface Allowed extends Decided {
  readonly action: 'allow'
  /** Every one must have room, and each is charged, or none is. */
  readonly charges: readonly Charge[]
}

export type Decision = Denied | ApprovalRequired | Allowed

/** Looks at a call, and notes what it looked at. */
export type Test = (call: Call, context: Context, trace: Sight[]) => Truth

/** A JSON value, `MISSING`, `UNFIT`, or `Each` of those. */
export type Look = (call: Call, context: Context) => unknown

export interface Completion {
  /** The subject, by the server's own name: a prompt, or a resource template by its text. */
  readonly ref: string
  /** The argument that is completed, and what is typed of it. */
  readonly argument: { readonly name: string; readonly value: string }
  /** Arguments that are settled: none is the one that is completed. */
  readonly context: Readonly<Record<string, string>>
}

/** One key of a section, ready to be compared. */
export interface ReadingPattern {
  readonly entry: ReadingEntry
  readonly server: string | null
  readonly glob: Glob
  /** For URIs whose percent-encoding was read; null for prompts. */
  readonly decodedGlob: Glob | null
  readonly weight: number
}
