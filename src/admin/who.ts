/** Who uses the administration API: the deployment's owner, or a person of one tenant. */
import { DEMO_ROOT_TOKEN, isLocalDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { bearerToken } from '../gateway/token.ts'
import type { AdminContext } from './answers.ts'
import { type PersonRole, type Role, roles } from './route.ts'

export type Who =
  | { readonly kind: 'root' }
  | {
      readonly kind: 'person'
      readonly tenant: string
      readonly name: string
      readonly role: PersonRole
      readonly email?: string
    }

/** Who asks, or null: nobody who may know anything about the tenant of the path. */
export async function authenticate(c: AdminContext): Promise<Who | null> {
  return (await isRoot(c.req.raw, c.env)) ? { kind: 'root' } : null
}

/** Whether `who` may do what takes at least `role`. */
export function may(who: Who, role: Role): boolean {
  const own: Role = who.kind === 'root' ? 'root' : who.role
  return roles.indexOf(own) >= roles.indexOf(role)
}

/** For the record. */
export function actorOf(who: Who): string {
  return who.kind === 'root' ? 'root' : `person:${who.name}`
}

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
