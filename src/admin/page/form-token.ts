/**
 * The statement that a form brings back, so that it decides only about the call that its page showed: sealed, for one sign-in, one approval and
 * one revision of it. A page that is out of date, or of somebody else, decides nothing.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import { formContext, openOrNull, type SecretKeys, seal } from '../../secrets/seal.ts'

const schema = lazy(() => z.tuple([z.string(), z.string(), z.int()]))

export interface FormOf {
  /** Id of the sign-in. */
  readonly signIn: string
  readonly approval: string
}

export function formToken(
  keys: SecretKeys,
  tenant: string,
  { signIn, approval }: FormOf,
  revision: number,
): Promise<string> {
  const said: z.output<ReturnType<typeof schema>> = [signIn, approval, revision]
  return seal(keys, JSON.stringify(said), formContext(tenant))
}

/** The revision that its page showed; null for what is no token of this sign-in's form for this approval. */
export async function revisionOf(
  keys: SecretKeys,
  tenant: string,
  { signIn, approval }: FormOf,
  token: string,
): Promise<number | null> {
  const text = await openOrNull(keys, token, formContext(tenant))
  if (text === null) return null
  const said = schema().safeParse(JSON.parse(text))
  if (!said.success) return null
  const [ofSignIn, ofApproval, revision] = said.data
  return ofSignIn === signIn && ofApproval === approval ? revision : null
}
