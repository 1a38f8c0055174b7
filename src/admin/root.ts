/** Who may use the administration API: whoever has the root token. */
import { createMiddleware } from 'hono/factory'
import { DEMO_ROOT_TOKEN, isLocalDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { problem } from '../errors.ts'
import { bearerToken } from '../gateway/token.ts'

/** Lets only the root token pass. */
export const rootOnly = createMiddleware<{ Bindings: Env }>(async (c, next) => {
  if (await isRoot(c.req.raw, c.env)) return next()
  const challenge = { 'www-authenticate': 'Bearer realm="gatehouse-admin"' }
  return problem(401, 'Unauthorized', 'The administration API needs the root token.', challenge)
})

/** Compares digests in constant time; without a root token nobody is root. */
async function isRoot(request: Request, env: Env): Promise<boolean> {
  const isLocal = isLocalDemo(env, new URL(request.url).hostname)
  const expected = env.ROOT_TOKEN ?? (isLocal ? DEMO_ROOT_TOKEN : '')
  const given = bearerToken(request.headers.get('authorization')) ?? ''
  if (expected === '') return false
  const [a, b] = await Promise.all(
    [expected, given].map((text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))),
  )
  return a !== undefined && b !== undefined && crypto.subtle.timingSafeEqual(a, b)
}
