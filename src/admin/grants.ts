/** The administration API's grants. A grant's token is in the answer that made it, and nowhere else ever. */
import { Hono } from 'hono'
import * as z from 'zod/v4'
import type { Env } from '../env.ts'
import { object } from '../policy/fragments.ts'
import { problemsOf } from '../policy/issues.ts'
import { describeProblem } from '../policy/problem.ts'
import type { GrantDocument, GrantView } from '../tenant/contract.ts'
import { at, invalid, nameProblem, notFound, refusal, removal, tenantName, tenantObject } from './answers.ts'
import { readJson } from './document.ts'

export const grantRoutes = new Hono<{ Bindings: Env }>()

const SECRET_BYTES = 32
const NAMES = 'a list of at most 200 names of servers, or "*"'

const grantSchema = object({
  label: z.string().min(1, '1 to 200 characters').max(200, '1 to 200 characters').optional(),
  policy: z.string().nullable().default(null),
  servers: z
    .union([z.literal('*'), z.array(z.string().max(63, NAMES)).max(200, NAMES)], { error: NAMES })
    .default('*'),
  expires_at: z.iso
    .datetime({ offset: true, error: 'a time like 2030-01-31T12:00:00Z, or null' })
    .nullable()
    .default(null),
})

grantRoutes.get('/', async (c) => c.json({ grants: (await tenantObject(c).grants()).map(shown) }))

grantRoutes.get('/:name', async (c) => {
  const grant = await tenantObject(c).grant(c.req.param('name'))
  return grant === null ? notFound('grant') : c.json(shown(grant))
})

grantRoutes.put('/:name', async (c) => {
  const name = c.req.param('name')
  const wrong = nameProblem('grant', name)
  if (wrong !== null) return invalid([wrong])
  const read = await readJson(c.req.raw)
  if (!read.ok) return read.response
  const document = readGrant(name, read.document, Date.now())
  if ('problems' in document) return invalid(document.problems)
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64({
    alphabet: 'base64url',
    omitPadding: true,
  })
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)))
  const put = await tenantObject(c).putGrant(tenantName(c), name, document, hash)
  if (put.kind !== 'done') return refusal(put)
  const answer = { ...shown(put.now), warnings: warningsOf(put.now), pending: put.pending }
  if (!put.created) return c.json(answer, 200)
  return c.json({ ...answer, token: `gh_${tenantName(c)}_${name}_${secret}` }, 201)
})

grantRoutes.delete('/:name', async (c) =>
  removal(c, await tenantObject(c).deleteGrant(c.req.param('name')), 'grant'),
)

function readGrant(
  name: string,
  value: unknown,
  nowMs: number,
): GrantDocument | { readonly problems: readonly string[] } {
  const parsed = grantSchema.safeParse(value)
  if (!parsed.success) return { problems: problemsOf(parsed.error.issues, value).map(describeProblem) }
  const { label = name, policy, servers, expires_at } = parsed.data
  const expiresAtMs = expires_at === null ? null : Date.parse(expires_at)
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    const problem = {
      pointer: '/expires_at',
      found: 'a time that is past',
      allowed: 'a time to come, or null',
    }
    return { problems: [describeProblem(problem)] }
  }
  return { label, policy, servers: servers === '*' ? servers : [...new Set(servers)].sort(), expiresAtMs }
}

function warningsOf({ policy, servers }: GrantView): string[] {
  const warnings: string[] = []
  if (policy === null) warnings.push('The grant is under no policy: every call is denied.')
  if (servers.length === 0) warnings.push('The grant reaches no server.')
  return warnings
}

function shown({
  name,
  label,
  policy,
  servers,
  origin,
  createdAtMs,
  updatedAtMs,
  expiresAtMs,
  isPending,
}: GrantView) {
  return {
    name,
    label,
    policy,
    servers,
    expires_at: at(expiresAtMs),
    built_in: origin === 'demo',
    pending: isPending ? 1 : 0,
    created_at: at(createdAtMs),
    updated_at: at(updatedAtMs),
  }
}
