/** The shape of a tool that is implemented in this Worker. */
import type { CallToolResult, Tool } from '@modelcontextprotocol/server'
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import type { CompiledConfig } from '../../contract/compiled.ts'
import type { TenantSettings } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { AdmitAnswer, Admitted, Work } from '../../contract/principal.ts'
import type { NativeServerName } from '../../names/native-servers.ts'
import { MANY_SESSIONS_TEXT, SESSION_ARGUMENT } from '../../request/session-argument-text.ts'

/** The parts of the request that a tool may know and use. */
export interface CallContext {
  readonly env: Env
  readonly tenant: string
  readonly grant: string
  readonly config: CompiledConfig
  readonly nowMs: number
  /** Aborts when the client went away and that means a cancel (stateless era only). */
  readonly signal: AbortSignal | undefined
  /**
   * Asks the principal once more, for work that could only be known after the call was admitted. Nothing is charged;
   * `rule` is for the audit row.
   */
  readonly again: (work: Work, rule: string) => Promise<AdmitAnswer | { readonly kind: 'unavailable' }>
  /** Does work that the answer does not wait for. */
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** The end of a call, and whether it surely did not happen: then its charge is given back. */
export interface Completion {
  readonly result: CallToolResult
  readonly refund?: boolean
  /** The principal has something to send once the client has its answer. */
  readonly drain?: boolean
}

/** The result of good arguments, before the principal is asked. */
export type Preparation =
  | {
      readonly kind: 'work'
      /** The work of the principal, in the transaction that decides the call. */
      readonly work: Work
      /** Makes the answer, once the principal has admitted the call and done its part. */
      readonly complete: (admitted: Admitted) => Completion | Promise<Completion>
    }
  /** Never reaches the tool. `code` is stable; `message` says what to do. */
  | { readonly kind: 'refuse'; readonly code: string; readonly message: string }

/** The place where a tool is listed: the deployment's servers, and the tenant's settings. */
export interface ListingPlace {
  readonly settings: TenantSettings
  readonly deployed: ReadonlySet<NativeServerName>
  /** It is the demo, which shows all that there is. */
  readonly showsAll: boolean
}

export interface NativeTool {
  readonly server: NativeServerName
  /** As `tools/list` shows it, with all that it can do anywhere. */
  readonly definition: Tool
  /** The same where not all of that is there; absent: the tool is the same everywhere. */
  readonly listed?: (definition: Tool, place: ListingPlace) => Tool
  readonly input: () => z.ZodObject
  /** Arguments that open something: the approver of a call is not shown them. */
  readonly secrets?: readonly string[]
  readonly prepare: (
    args: Readonly<Record<string, unknown>>,
    context: CallContext,
  ) => Preparation | Promise<Preparation>
}

const MOST_HANDLE_CHARS = 128
export const sessionHandle = lazy(() =>
  z
    .string()
    .min(1)
    .max(MOST_HANDLE_CHARS)
    .optional()
    .describe(
      'Session handle, as returned by auth_login: names the session that this call belongs to. Where it is left out, the ' +
        'call belongs to the current session of this client, if it has one.',
    ),
)

/** The tool as it is listed where every call names its session. */
export function withSessionExplained(definition: Tool): Tool {
  const { inputSchema } = definition
  const own = inputSchema.properties?.[SESSION_ARGUMENT] as object | undefined
  const argument = { ...own, description: MANY_SESSIONS_TEXT }
  const properties = { ...inputSchema.properties, [SESSION_ARGUMENT]: argument }
  return { ...definition, inputSchema: { ...inputSchema, properties } }
}

/**
 * A call's arguments without the handle among them. One that cannot be a handle stays, for the schema to refuse; null, which
 * models write for an optional argument, is none.
 */
export function withoutHandle(given: Readonly<Record<string, unknown>>): {
  readonly args: Record<string, unknown>
  readonly handle: string | null
} {
  const { [SESSION_ARGUMENT]: handle, ...args } = given
  if (handle === null) return { args, handle: null }
  const isHandle = typeof handle === 'string' && handle.length > 0 && handle.length <= MOST_HANDLE_CHARS
  return isHandle ? { args, handle } : { args: { ...given }, handle: null }
}
