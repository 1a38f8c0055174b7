/** The administration API in OpenAPI 3.1, made of the routes themselves. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { identity } from '../base/version.ts'
import type { AnswerSpec, Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly 'x-gatehouse-role': Route['role']
  readonly security: readonly Json[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: Json
  readonly responses: Readonly<Record<string, Json>>
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: Json
}

export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: Json
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Json
}

const PROBLEM = 'application/problem+json'
const NAME: Json = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }

/** Answers of every route, beside its own. */
const refusals = {
  400: 'A body, query or header that cannot be read',
  401: 'No token, or one that does not open this',
  403: 'The token is of a role that may not do this, or somebody else has to',
  404: 'There is no such thing',
  409: 'It does not fit with what is there',
  412: 'The thing is not as it was expected to be (If-Match)',
  413: 'The body is larger than 1 MiB',
  415: 'The body is of another type',
  422: 'A document that cannot be meant: every problem is in `problems`',
  503: 'Something that is needed does not answer; try again',
} as const
type Refused = keyof typeof refusals

export function openApi(routes: readonly Route[]): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:([a-z]+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operation(route, path)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${identity.title}: administration`,
      version: identity.version,
      description:
        'Tenants, their people, servers, secrets, policies and grants. Lists are pages: `next` is the `after` of the next one.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'The root token, or a token of a person of the tenant (`gha_…`)',
        },
        access: {
          type: 'apiKey',
          in: 'header',
          name: 'Cf-Access-Jwt-Assertion',
          description: 'Cloudflare Access, which sets it',
        },
      },
      schemas: { Problem: jsonSchema(problemSchema(), 'output') },
      responses: Object.fromEntries(
        Object.entries(refusals).map(([status, description]) => [
          `Refused${status}`,
          { description, content: { [PROBLEM]: { schema: { $ref: '#/components/schemas/Problem' } } } },
        ]),
      ),
    },
  }
}

const problemSchema = lazy(() =>
  z.object({
    type: z.string(),
    status: z.int(),
    title: z.string(),
    detail: z.string(),
    problems: z.array(z.string()).optional(),
  }),
)

function operation(route: Route, path: string): Operation {
  const { method, role, summary, description, body, answers } = route
  const isPublic = role === 'public'
  return {
    operationId: operationId(method, path),
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tagOf(path)],
    'x-gatehouse-role': role,
    security: isPublic ? [] : [{ token: [] }, { access: [] }],
    parameters: [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)],
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, spec]) => [status, response(spec, route)])),
      ...(isPublic ? {} : refusedBy(route)),
    },
  }
}

function operationId(method: string, path: string): string {
  const words = path.replace(/^\/api\/v1\//, '').split(/[/{}.]+/)
  const last = path.endsWith('}') ? words : [...words, 'all']
  return [method.toLowerCase(), ...last.filter((word) => word !== '')].join('_')
}

/** The part of the API that a path belongs to. */
function tagOf(path: string): string {
  const [, , , root = '', , part] = path.split('/')
  return part ?? root
}

function pathParameters({ path, params = {} }: Route): Parameter[] {
  return [...path.matchAll(/:([a-z]+)/g)].map(([, name = '']) => {
    const description = params[name]
    const schema = name === 'tenant' || name === 'name' ? NAME : { type: 'string' }
    return { name, in: 'path', required: true, ...(description === undefined ? {} : { description }), schema }
  })
}

function queryParameters({ method, role, query }: Route): Parameter[] {
  const schema = query === undefined ? {} : jsonSchema(query, 'input')
  const properties = (schema.properties ?? {}) as Record<string, Json>
  const required = (schema.required ?? []) as string[]
  const own = Object.entries(properties).map(
    ([name, one]): Parameter => ({ name, in: 'query', required: required.includes(name), schema: one }),
  )
  // A viewer's routes change nothing, so they need no reason.
  if (method === 'GET' || role === 'public' || role === 'viewer') return own
  const reason: Parameter = {
    name: 'reason',
    in: 'query',
    required: false,
    description: 'Why, for the record; the header x-gatehouse-reason says the same',
    schema: { type: 'string', maxLength: 500 },
  }
  return [...own, reason]
}

function headerParameters({ creates, versioned }: Route): Parameter[] {
  const header = (name: string, description: string): Parameter => ({
    ...{ name, in: 'header', required: false, description, schema: { type: 'string' } },
  })
  return [
    ...(creates ? [header('Idempotency-Key', 'The same request again has the same answer, for a day')] : []),
    ...(versioned ? [header('If-Match', 'The ETag that it must have, or *: that it must be there')] : []),
    ...(versioned && creates ? [header('If-None-Match', '*: it must not be there yet')] : []),
  ]
}

function requestBody({ reads, schema }: NonNullable<Route['body']>): Json {
  const content = { schema: jsonSchema(schema, 'input') }
  const yaml = reads === 'text' ? { 'text/yaml': content, 'application/yaml': content } : {}
  return { required: true, content: { 'application/json': content, ...yaml } }
}

function response({ what, schema, type }: AnswerSpec, { versioned }: Route): Json {
  const described = schema === null ? {} : { schema: jsonSchema(schema, 'output') }
  return {
    description: what,
    ...(versioned ? { headers: { ETag: { schema: { type: 'string' } } } } : {}),
    ...(schema === null && type === undefined
      ? {}
      : { content: { [type ?? 'application/json']: described } }),
  }
}

function refusedBy({ body, query, method, versioned, creates, path }: Route): Record<string, Json> {
  const ofBody: Refused[] = body === undefined ? [] : [413, 415, 422]
  const all: Refused[] = [
    ...(body !== undefined || query !== undefined || method !== 'GET' ? ([400] as const) : []),
    ...([401, 403] as const),
    ...(path.includes(':') ? ([404] as const) : []),
    ...(method === 'GET' ? [] : ([409] as const)),
    ...(versioned ? ([412] as const) : []),
    ...ofBody,
    ...(creates && body === undefined ? ([422] as const) : []),
    503,
  ]
  return Object.fromEntries(
    all.map((status) => [status, { $ref: `#/components/responses/Refused${status}` }]),
  )
}

/** OpenAPI 3.1 takes JSON Schema 2020-12 as it is. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return rest
}
