/** The interface of identity providers: each is one file in this folder, and stands in the list in all.ts. PURE. */
import type * as z from 'zod/v4'
import type { TenantSettings } from '../../../contract/config.ts'
import type { Admitted } from '../../../contract/principal.ts'
import type { CallContext, Completion, Preparation } from '../../kit/tool.ts'

/** An argument of `auth_login` that the provider takes. Two providers that take one of the same name share its schema. */
export interface ProviderArgument {
  readonly schema: () => z.ZodType<string>
  readonly isOptional?: true
  /** It opens something: whoever approves a call is not shown it. */
  readonly isSecret?: true
}

/** The arguments of a provider, as their schemas have let them through. */
export type Given = Readonly<Record<string, string | undefined>>

/** A way in which an agent proves, or asserts, the account that it acts for. */
export interface Provider {
  /** `provider` in a login. */
  readonly name: string
  /** The way in which it establishes the account; follows its name in the description of the argument `provider`. */
  readonly does: string
  readonly takes: Readonly<Record<string, ProviderArgument>>
  /** It needs no other system: it is listed where the tenant has set up none at all. */
  readonly isAlwaysListed?: true
  /** Tells whether a login of this tenant can succeed with it. */
  accepts(settings: TenantSettings): boolean
  /**
   * Proves the account: before the call is decided, or in the work that follows.
   * @param given all arguments that it needs are there
   * @param complete makes the answer to a login that took place
   */
  prepare(given: Given, context: CallContext, complete: Complete): Preparation | Promise<Preparation>
}

/** Makes the answer to a login that took place. */
export type Complete = (admitted: Admitted) => Completion

/** An account that is proven, or the reason why it is not. */
export type Proof =
  | { readonly ok: true; readonly account: string }
  /**
   * `account` is what was claimed, where that can be read at all: an attempt on an account is worth knowing
   * of even though it proves nothing.
   */
  | { readonly ok: false; readonly account: string | null; readonly message: string }

/** The account is not proven. */
export function fail(message: string, account: string | null = null): Extract<Proof, { ok: false }> {
  return { ok: false, account, message }
}
