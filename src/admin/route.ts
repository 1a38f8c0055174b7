/**
 * Describes every route of the administration API once, with its schemas, in one place. `serve.ts` runs
 * what stands here and `openapi.ts` describes it, so neither can say what the other does not.
 *
 *     route(
 *       {
 *         method: 'GET',
 *         path: '/api/v1/tenants/:tenant/things/:name',
 *         role: 'viewer',
 *         summary: 'One thing',
 *         answers: { 200: answer('The thing', thingSchema) },
 *       },
 *       async ({ object, params }) => …,
 *     )
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { Env } from '../contract/env.ts'
import type { TenantStub } from '../contract/objects.ts'
import type { Role } from '../contract/roles.ts'
import type { ChangeContext, Expected } from '../contract/tenant.ts'
import type { AdminContext, Who } from './context.ts'

export { type PersonRole, personRoles, type Role, roles } from '../contract/roles.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** One answer, by its status in `answers`. Refusals need no entry: they are the same everywhere. */
export interface AnswerSpec {
  readonly what: string
  /** The schema of its JSON; null for an answer that is none, or has no body. */
  readonly schema: z.ZodType | null
  /** Media type, where it is not application/json. */
  readonly type?: string
}

export function answer(what: string, schema: z.ZodType | null = null, type?: string): AnswerSpec {
  return { what, schema, ...(type === undefined ? {} : { type }) }
}

/** `B` is what the handler gets. */
export interface BodySpec<B> {
  readonly reads: 'json' | 'unchecked' | 'text'
  readonly schema: z.ZodType
  /** Never there; carries the type. */
  readonly as?: B
}

/** JSON that fits a schema; anything else is refused with 422 and every problem. */
export function jsonBody<S extends z.ZodType>(schema: S): BodySpec<z.output<S>> {
  return { reads: 'json', schema }
}

/** JSON that the handler checks itself; the schema is for readers. */
export function uncheckedBody(schema: z.ZodType): BodySpec<unknown> {
  return { reads: 'unchecked', schema }
}

/** The text of a document in JSON or YAML, which the handler reads itself. */
export function textBody(schema: z.ZodType): BodySpec<string> {
  return { reads: 'text', schema }
}

/** The names after a colon in a path. */
export type ParamsOf<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamsOf<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? Name
    : never

export interface RouteSpec<P extends string, Q extends z.ZodType, B> {
  readonly method: Method
  /** As Hono spells it. Under `/api/v1/tenants/:tenant` the tenant's own people may come in. */
  readonly path: P
  /** The least role that may use it; `public`: no token is asked for. */
  readonly role: Role | 'public'
  readonly summary: string
  readonly description?: string
  /** Explains the names in the path. */
  readonly params?: Readonly<Partial<Record<ParamsOf<P>, string>>>
  /** A strict object; values arrive as text. A query that does not fit is refused with 400. */
  readonly query?: Q
  readonly body?: BodySpec<B>
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** A creation: `Idempotency-Key` gives the same answer to the same request for a day. */
  readonly creates?: boolean
  /** Tells by the query whether root may ask for the route before there is a tenant. The answer says nothing of the tenant then. */
  readonly beforeTenant?: (query: Readonly<Record<string, string>>) => boolean
  /** True where the thing that it changes has a version, so that `If-Match` and `If-None-Match: *` mean something. */
  readonly versioned?: boolean
}

/** One request, authenticated and checked. */
export interface Call<P extends string = string, Q = unknown, B = unknown> {
  readonly c: AdminContext
  readonly env: Env
  readonly who: Who
  /** The caller's name on record: `root`, or `person:<name>`. */
  readonly actor: string
  /** The reason that the caller gives: query `reason` or header `x-gatehouse-reason`. */
  readonly reason: string | null
  /** The tenant of the path, or '' where it names none. */
  readonly tenant: string
  /** The object of that tenant. */
  readonly object: TenantStub
  readonly params: Readonly<Record<P, string>>
  readonly query: Q
  readonly body: B
  /** The body's text, for a route that must know what was written and what was left out. */
  readonly text: string
  /** The condition of `If-Match` and `If-None-Match`. */
  readonly expected: Expected
  /** The three together, for a route that writes. */
  readonly by: ChangeContext
  /** Secret bytes for a creation, the same ones when a request is repeated with its `Idempotency-Key`. */
  readonly seed: Uint8Array
}

/** A route without the types of its parts, as they are kept in a list. */
export interface Route extends Omit<RouteSpec<string, z.ZodType, unknown>, 'params'> {
  readonly params?: Readonly<Record<string, string>>
  readonly handle: (call: Call) => Response | Promise<Response>
}

type NoQuery = z.ZodType<Record<never, never>>

/** Writes a route down. */
export function route<const P extends string, Q extends z.ZodType = NoQuery, B = undefined>(
  spec: RouteSpec<P, Q, B>,
  handle: (call: Call<ParamsOf<P>, z.output<Q>, B>) => Response | Promise<Response>,
): Route {
  return { ...spec, handle } as unknown as Route
}

const LIMITS = 'a whole number from 1 to 100'

/** The length of a page of a list. */
export const limitQuery = lazy(() =>
  z.coerce.number({ error: LIMITS }).int(LIMITS).min(1, LIMITS).max(100, LIMITS).default(100),
)

/** The query of a list: `query: object({ ...pageQuery() })`. */
export const pageQuery = lazy(() => ({
  after: z.string().max(1_000, 'the next of an earlier page').optional(),
  limit: limitQuery(),
}))

/** The answer of a list. */
export function pageOf(item: z.ZodType) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().describe('`after` of the next page; null: there is none'),
  })
}

/** Members of an answer that say how many grants a change has reached. */
export const propagationMembers = lazy(() => ({
  told: z.int().describe('Grants that the change concerns and that go by it already'),
  pending: z.int().describe('Grants that could not be told of it yet; they are told as soon as they can be'),
}))

/** The member `overlap_seconds`: the time for which the credential stays good that another one replaces. */
export function overlapSeconds({ most, usual }: { readonly most: number; readonly usual: number }) {
  const allowed = `a whole number from 0 to ${most}`
  return z.int(allowed).min(0, allowed).max(most, allowed).default(usual)
}

/** The answers of a DELETE. */
export const removed = lazy(
  () =>
    ({
      200: answer(
        'It is gone',
        z.object({ deleted: z.literal(true), warnings: z.array(z.string()), ...propagationMembers() }),
      ),
    }) as const,
)
