/** The token of the deployment's owner, and what it must be like. PURE. */
import type { Env } from '../contract/env.ts'

/** 32 random bytes have 43 characters in base64url. */
export const LEAST_ROOT_TOKEN = 32

type Configured = Pick<Env, 'ROOT_TOKEN'>

/** The token, or null where there is none that is good: one that can be guessed opens nothing. */
export function rootToken(env: Configured): string | null {
  return rootTokenProblem(env) === null ? (env.ROOT_TOKEN ?? null) : null
}

/** Says what is wrong with ROOT_TOKEN; null where nothing is, or there is none. It tells the length alone, because the rest is secret. */
export function rootTokenProblem({ ROOT_TOKEN }: Configured): string | null {
  if (ROOT_TOKEN === undefined) return null
  const allowed = `at least ${LEAST_ROOT_TOKEN} printable ASCII characters, such as those of \`openssl rand -base64 32\``
  if (!/^[\x21-\x7e]*$/.test(ROOT_TOKEN))
    return `ROOT_TOKEN has characters that no Authorization header carries; allowed: ${allowed}`
  if (ROOT_TOKEN.length < LEAST_ROOT_TOKEN)
    return `ROOT_TOKEN has ${ROOT_TOKEN.length} characters; allowed: ${allowed}`
  return null
}
