/** The administration API's check of an origin, for whoever plans changes and must know before the first is made. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { readServerDocument } from '../contract/server-document.ts'
import { webhookUrlProblem } from '../contract/webhook-document.ts'
import { object } from '../policy/fragments.ts'
import { allowsPrivate, checkAddress } from '../upstream/resolve.ts'
import { ownAddressProblem } from './own-address.ts'
import { answer, type Route, route } from './route.ts'

const ORIGIN = 'an origin, such as https://crm.example.com'
const reason = lazy(() => z.string().nullable())
const checkedSchema = lazy(() =>
  z.object({
    origin: z.string(),
    server: reason().describe('The reason why no server of the tenant may be there, or null'),
    other: reason().describe('The reason why no webhook, store or issuer’s keys may be there, or null'),
    unknown: reason().describe('The reason why the name could not be resolved, or null'),
  }),
)

export const originRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: '/api/v1/tenants/:tenant/origins',
      role: 'admin',
      beforeTenant: () => true,
      summary: 'Says whether servers and webhooks may be at an origin; nothing is sent there',
      description: 'The reasons are those for which a PUT of one would be refused. The name is looked up.',
      query: object({
        origin: z
          .string()
          .max(300, ORIGIN)
          .refine((text) => isOrigin(text), ORIGIN),
      }),
      answers: { 200: answer('The reasons against it, if any', checkedSchema()) },
    },
    async ({ c, env, query: { origin } }) => {
      const url = new URL(origin)
      const written = readServerDocument({ url: origin }, allowsPrivate(env))
      const own = ownAddressProblem(url, env, c.req.raw)
      const address = await checkAddress(url, env)
      const refused = address.kind === 'refused' ? address.problem : null
      const said: z.output<ReturnType<typeof checkedSchema>> = {
        origin: url.origin,
        server: plain(
          [...(written.ok ? [] : written.problems), own, refused].find((it) => it !== null) ?? null,
        ),
        other: plain(webhookUrlProblem(url, allowsPrivate(env)) ?? refused),
        unknown: plain(address.kind === 'unknown' ? address.problem : null),
      }
      return Response.json(said)
    },
  ),
])

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text
}

/** Without the place in a document, of which there is none here. */
function plain(problem: string | null): string | null {
  return problem === null ? null : problem.replace(/^\/url: /, '')
}
