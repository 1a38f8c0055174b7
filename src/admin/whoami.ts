/** The administration API's answer to whoever holds a token: who the gateway takes them for. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { identity } from '../base/version.ts'
import type { Env } from '../contract/env.ts'
import { roles } from '../contract/roles.ts'
import type { Who } from './context.ts'
import { deploymentOf } from './deployment.ts'
import { answer, type Route, route } from './route.ts'

const whoamiSchema = lazy(() =>
  z.object({
    kind: z.enum(['root', 'person']).describe('root: the owner of the deployment'),
    name: z.string().nullable().describe('The person’s name; null for root'),
    role: z.enum(roles),
    email: z.string().nullable().describe('The address by which Cloudflare Access knows the person, if any'),
    tenant: z.string().nullable().describe('The tenant of the path; null where it names none'),
    version: z.string().describe('The gateway’s version'),
    deployment: z
      .object({
        encryption_keys: z
          .boolean()
          .describe(
            'Without ENCRYPTION_KEYS there is no Idempotency-Key, webhook, secret or header of a server',
          ),
        audit_database: z.boolean().describe('Without AUDIT_DB rows stay for 30 days'),
      })
      .describe('The optional parts of this deployment, for planning a change'),
  }),
)

export const whoamiRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: '/api/v1/whoami',
      role: 'root',
      summary: 'That the token is the root token, whatever tenants there are',
      answers: { 200: answer('The caller', whoamiSchema()) },
    },
    ({ who, env }) => said(env, who, null),
  ),
  route(
    {
      method: 'GET',
      path: '/api/v1/tenants/:tenant/whoami',
      role: 'viewer',
      summary: 'The owner of the token, and what they may do here',
      answers: { 200: answer('The caller', whoamiSchema()) },
    },
    ({ who, tenant, env }) => said(env, who, tenant),
  ),
])

function said(env: Env, who: Who, tenant: string | null): Response {
  const person = who.kind === 'root' ? null : who
  const answered: z.output<ReturnType<typeof whoamiSchema>> = {
    kind: who.kind,
    name: person?.name ?? null,
    role: person?.role ?? 'root',
    email: person?.email ?? null,
    tenant,
    version: identity.version,
    deployment: deploymentOf(env),
  }
  return Response.json(answered)
}
