/**
 * The administration API's approvals: calls that wait for a person. The list is the tenant's; one approval, and what a
 * person says of it, is asked of the principal that holds the call, so that it holds for the next request.
 */
import * as z from 'zod/v4'
import { type ApprovalView, approvalStates, type Decider } from '../approvals/contract.ts'
import { grantOfApproval } from '../approvals/id.ts'
import { problem } from '../errors.ts'
import { type PrincipalStub, principalObject } from '../objects.ts'
import { object } from '../policy/fragments.ts'
import { at, page } from './answers.ts'
import { answer, type Call, jsonBody, limitQuery, pageOf, type Route, route } from './route.ts'
import type { Who } from './who.ts'

const PATH = '/api/v1/tenants/:tenant/approvals'
const CURSOR = /^([0-9]{1,15})_(apr_[a-z0-9_-]{1,120})$/

const shownSchema = z.object({
  id: z.string(),
  state: z.enum(approvalStates),
  grant: z.string(),
  session: z.string().nullable(),
  account: z.string().nullable(),
  server: z.string(),
  tool: z.string(),
  argument_names: z.array(z.string()),
  arguments_sha256: z.string().describe("SHA-256 of the arguments' canonical JSON, as hex"),
  rule: z.string(),
  policy_version: z.string().describe('Of the configuration that the call was first asked for under'),
  message: z.string(),
  url: z.string(),
  requested_at: z.string(),
  expires_at: z.string().describe('Until when it can be decided, and the approved call be made'),
  decided_at: z.string().nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
  used_at: z.string().nullable(),
})

const decisionSchema = object({
  decision: z.enum(['approve', 'deny']),
  reason: z.string().min(1, '1 to 1000 characters').max(1_000, '1 to 1000 characters').optional(),
})

export const approvalRoutes: readonly Route[] = [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'Calls that wait for a person, or did, the youngest first',
      query: object({
        state: z.enum(approvalStates).optional(),
        after: z.string().regex(CURSOR, 'the next of an earlier page').optional(),
        limit: limitQuery,
      }),
      answers: { 200: answer('A page of approvals', pageOf(shownSchema)) },
    },
    async ({ object, query: { state = null, after, limit } }) => {
      const [, requestedAt, id] = CURSOR.exec(after ?? '') ?? []
      const cursor = id === undefined ? null : { requestedAtMs: Number(requestedAt), id }
      const approvals = await object.approvals({ state, after: cursor, limit: limit + 1 })
      const { items, next } = page(approvals, limit, (it) => `${it.requestedAtMs}_${it.id}`)
      return Response.json({ items: items.map(shown), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:id`,
      role: 'viewer',
      summary: 'One approval',
      answers: { 200: answer('The approval', shownSchema) },
    },
    async (call) => {
      const approval = (await holder(call)?.approval(call.params.id)) ?? null
      return approval === null ? absent() : Response.json(shown(approval))
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:id`,
      role: 'admin',
      summary: 'Approves or denies a call',
      description:
        'The agent makes an approved call by asking for it again, once. Whoever is known to be behind the session may not ' +
        'approve it. What was approved may be denied as long as it was not used.',
      body: jsonBody(decisionSchema),
      answers: { 200: answer('The approval as it is now', shownSchema) },
    },
    async (call) => {
      const { params, body, who } = call
      const request = {
        id: params.id,
        decision: body.decision,
        reason: body.reason ?? null,
        by: decider(who),
      }
      const decided = (await holder(call)?.decideApproval(request)) ?? { kind: 'absent' as const }
      switch (decided.kind) {
        case 'decided':
          return Response.json(shown(decided.approval))
        case 'absent':
          return absent()
        case 'conflict':
          return problem(409, 'Conflict', decided.problem)
        case 'own':
          return problem(403, 'Four eyes', 'Nobody approves a call of their own: somebody else has to.')
      }
    },
  ),
]

/** The principal that an id names, or null for what is no id. */
function holder({
  env,
  tenant,
  params,
}: Pick<Call<'id'>, 'env' | 'tenant' | 'params'>): PrincipalStub | null {
  const grant = grantOfApproval(params.id)
  return grant === null ? null : principalObject(env, tenant, grant)
}

function decider(who: Who): Decider {
  return who.kind === 'root' ? null : { name: who.name, email: who.email ?? null }
}

function absent(): Response {
  return problem(404, 'Not found', 'This tenant has no approval of that id.')
}

function shown(approval: ApprovalView): z.output<typeof shownSchema> {
  const { id, state, grant, account, server, tool, rule, message, url, reason } = approval
  return {
    id,
    state,
    grant,
    session: approval.sessionId,
    account,
    server,
    tool,
    argument_names: [...approval.argumentNames],
    arguments_sha256: approval.argumentsSha256,
    rule,
    policy_version: approval.configVersion,
    message,
    url,
    requested_at: at(approval.requestedAtMs),
    expires_at: at(approval.expiresAtMs),
    decided_at: at(approval.decidedAtMs),
    decided_by: approval.decidedBy,
    reason,
    used_at: at(approval.usedAtMs),
  }
}
