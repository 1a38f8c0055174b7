/** Refuses requests before authentication. */
import { codes, type Refusal } from '../base/jsonrpc.ts'
import { isLocalDemo } from '../base/local-switches.ts'
import { isLoopback } from '../base/loopback.ts'
import type { Env } from '../contract/env.ts'
import { type ReadHeaders, readHeaders } from './header-texts.ts'

/** All header names and values together. Tokens, ids and traces need a fraction of it. */
export const MAX_HEADER_BYTES = 16 * 1024

export function guard(
  request: Request,
  env: Env,
  { texts, size }: ReadHeaders = readHeaders(request.headers),
): Refusal | null {
  if (size > MAX_HEADER_BYTES) {
    return {
      status: 431,
      code: codes.transport,
      message: `The headers are larger than ${MAX_HEADER_BYTES} bytes`,
    }
  }
  const origin = texts.get('origin')
  if (origin !== undefined && !isAllowedOrigin(origin, request, env)) {
    return { status: 403, code: codes.transport, message: 'This Origin is not allowed; see ALLOWED_ORIGINS' }
  }
  return null
}

/**
 * Tells whether pages of `origin` may call the gateway. Only browsers send the header, and a page of another site,
 * or one whose name was rebound to this address, must not reach tools through its visitor (MCP, transports,
 * security). In the local demo, pages on this machine may: that is where the inspectors run.
 */
export function isAllowedOrigin(origin: string, request: Request, env: Env): boolean {
  if (allowedOrigins(env).includes(origin)) return true
  const url = URL.parse(origin)
  return url !== null && url.origin === origin && isLoopback(url.hostname) && isLocalDemo(env, request)
}

function allowedOrigins(env: Env): string[] {
  return (env.ALLOWED_ORIGINS ?? '')
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '' && origin !== 'null')
}

/** An entry of ALLOWED_ORIGINS that no browser could send, or null. */
export function allowedOriginsProblem(env: Env): string | null {
  const entries = (env.ALLOWED_ORIGINS ?? '').split(',').map((origin) => origin.trim())
  const wrong = entries.find(
    (origin) => origin !== '' && !/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\sA-Z]+$/.test(origin),
  )
  if (wrong === undefined) return null
  return `ALLOWED_ORIGINS has ${JSON.stringify(wrong.slice(0, 200))}; allowed: origins as browsers send them, such as https://app.example.com, separated by commas`
}
