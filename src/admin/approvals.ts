/**
 * The administration API's approvals: calls that wait for a person. The list is the tenant's; one approval, and what a
 * person says of it, is asked of the principal that holds the call, so that it holds for the next request.
 */
import * as z from 'zod/v4'
import { grantOfApproval } from '../approvals/id.ts'
import { judgedApproval } from '../approvals/judged.ts'
import { whyNoContent } from '../approvals/no-content.ts'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { errorName, log } from '../base/log.ts'
import { type ApprovalView, approvalStates, type JudgedApproval } from '../contract/approvals.ts'
import { type PrincipalStub, principalObject } from '../contract/objects.ts'
import { object } from '../policy/fragments.ts'
import { at, page } from './answers.ts'
import { decide } from './deciding.ts'
import { answer, type Call, jsonBody, limitQuery, pageOf, type Route, route } from './route.ts'
import { may } from './who.ts'

const PATH = '/api/v1/tenants/:tenant/approvals'
/** Each is asked of its principal, and may be long. */
const MOST_WITH_CONTENT = 25
const CURSOR = /^([0-9]{1,15})_(apr_[a-z0-9_-]{1,120})$/

const shownSchema = lazy(() =>
  z.object({
    id: z.string(),
    state: z.enum(approvalStates),
    grant: z.string(),
    session: z.string().nullable(),
    account: z.string().nullable(),
    client: z
      .object({ name: z.string(), version: z.string().nullable() })
      .nullable()
      .describe('By what the client that asked first introduces itself; nobody has proven it'),
    server: z.string(),
    tool: z.string(),
    argument_names: z.array(z.string()),
    arguments_hmac: z
      .string()
      .nullable()
      .describe(
        'As in the audit trail: the same for the same arguments; null without ENCRYPTION_KEYS, and of long ones',
      ),
    rule: z.string(),
    policy_version: z
      .string()
      .describe('The version of the configuration under which the call was first asked for'),
    message: z.string(),
    url: z
      .string()
      .nullable()
      .describe('The address of its page; null where no variable says where the gateway is found'),
    requested_at: z.string(),
    expires_at: z.string().describe('Until when it can be decided, and the approved call be made'),
    decided_at: z.string().nullable(),
    decided_by: z.string().nullable(),
    reason: z.string().nullable(),
    used_at: z
      .string()
      .nullable()
      .describe('The time at which a call was last made by it; also of one that was denied afterwards'),
  }),
)
const contentSchema = lazy(() =>
  z.object({
    arguments: z.record(z.string(), z.unknown()).describe('By name; where `concealed` says so, a marker'),
    meta: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The `_meta` that is forwarded. Another one does not make it another call'),
    concealed: z
      .array(z.string())
      .describe('Paths at which the policy conceals a value, such as args.card.number'),
    omitted: z
      .array(z.object({ path: z.string(), type: z.string(), bytes: z.int() }))
      .describe('Values that are too long to be kept, with the length of their JSON'),
  }),
)
const judgedSchema = lazy(() =>
  shownSchema().extend({
    owner: z.string().nullable().optional().describe('For approvers: the person whose agent the grant is'),
    content: contentSchema()
      .nullable()
      .optional()
      .describe('For approvers: what the call carries, until somebody decides'),
    no_content: z.string().nullable().optional().describe('For approvers: why content is null'),
  }),
)
const decidedSchema = lazy(() => shownSchema().extend({ warnings: z.array(z.string()) }))

const decisionSchema = lazy(() =>
  object({
    decision: z.enum(['approve', 'deny']),
    reason: z.string().min(1, '1 to 1000 characters').max(1_000, '1 to 1000 characters').optional(),
  }),
)

export const approvalRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'Calls that wait for a person, or did, the youngest first',
      query: object({
        state: z.enum(approvalStates).optional(),
        after: z.string().regex(CURSOR, 'the next of an earlier page').optional(),
        limit: limitQuery(),
        content: z
          .literal('true')
          .optional()
          .describe(
            `For approvers: with what each call that waits carries, ${MOST_WITH_CONTENT} to a page at most. Others get none`,
          ),
      }),
      answers: { 200: answer('A page of approvals', pageOf(judgedSchema().omit({ owner: true }))) },
    },
    async ({ object, env, tenant, who, query: { state = null, after, limit: asked, content } }) => {
      const [, requestedAt, id] = CURSOR.exec(after ?? '') ?? []
      const cursor = id === undefined ? null : { requestedAtMs: Number(requestedAt), id }
      const isWithContent = content === 'true' && may(who, 'approver')
      const limit = isWithContent ? Math.min(asked, MOST_WITH_CONTENT) : asked
      const approvals = await object.approvals({ state, after: cursor, limit: limit + 1 })
      const { items, next } = page(approvals, limit, (it) => `${it.requestedAtMs}_${it.id}`)
      const all = isWithContent
        ? await Promise.all(items.map((it) => shownWithContent(env, tenant, it)))
        : items.map(approvalResource)
      return Response.json({ items: all, next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:id`,
      role: 'viewer',
      summary: 'One approval',
      description:
        'The roles approver, admin and root also see the values that the call carries, for as long as nobody has decided.',
      answers: { 200: answer('The approval', judgedSchema()) },
    },
    async (call) => {
      if (may(call.who, 'approver')) return judged(call)
      const approval = (await holder(call)?.approval(call.params.id)) ?? null
      return approval === null ? absent() : Response.json(approvalResource(approval))
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:id`,
      role: 'approver',
      summary: 'Approves or denies a call',
      description:
        'The agent makes an approved call by asking for it again, once. A person who is known to be behind the session may not ' +
        'approve it, nor may the owner of its grant. An approved call may be denied until its time is over: one that was ' +
        'made by then is not undone, and `warnings` says so.',
      body: jsonBody(decisionSchema()),
      answers: { 200: answer('The approval as it is now', decidedSchema()) },
    },
    async (call) => {
      const { params, body } = call
      const { env, tenant, who } = call
      const { decision, reason = null } = body
      const decided = await decide({ env, tenant, who }, { id: params.id, decision, reason })
      switch (decided.kind) {
        case 'decided': {
          const { approval } = decided
          return Response.json({ ...approvalResource(approval), warnings: warningsOf(approval) })
        }
        case 'absent':
          return absent()
        case 'nobody':
          return problem(403, 'Forbidden', 'You are nobody of this tenant any more.')
        case 'stale':
          return problem(
            409,
            'Conflict',
            'It has changed since you saw it. Look at it again, and decide that.',
          )
        case 'conflict':
          return problem(409, 'Conflict', decided.problem)
        case 'own':
          return problem(403, 'Four eyes', 'Nobody approves a call of their own: somebody else has to.')
      }
    },
  ),
])

/** An approval of the list with what its call carries: that is in no list, so the principal is asked, where the call waits. */
async function shownWithContent(env: Call['env'], tenant: string, approval: ApprovalView) {
  if (approval.state !== 'pending') return approvalResource(approval)
  try {
    const found = await judgedApproval(env, tenant, approval.id)
    return found === null
      ? approvalResource(approval)
      : { ...approvalResource(approval), ...contentShown(found) }
  } catch (error) {
    log('warn', 'approval.content_unavailable', { tenant, approval: approval.id, error: errorName(error) })
    return {
      ...approvalResource(approval),
      content: null,
      no_content: 'The grant’s object did not answer. Try again.',
    }
  }
}

/** One approval, for somebody who may decide about it. */
async function judged({
  env,
  tenant,
  object,
  params: { id },
}: Pick<Call<'id'>, 'env' | 'tenant' | 'params' | 'object'>): Promise<Response> {
  const [found, grant] = await Promise.all([
    judgedApproval(env, tenant, id),
    object.grant(grantOfApproval(id) ?? ''),
  ])
  if (found === null) return absent()
  return Response.json({
    ...approvalResource(found.approval),
    owner: grant?.owner ?? null,
    ...contentShown(found),
  })
}

function contentShown({ content, absent }: JudgedApproval) {
  return { content, no_content: absent === null ? null : whyNoContent(absent) }
}

/** The principal that an id names, or null for what is no id. */
function holder({
  env,
  tenant,
  params,
}: Pick<Call<'id'>, 'env' | 'tenant' | 'params'>): PrincipalStub | null {
  const grant = grantOfApproval(params.id)
  return grant === null ? null : principalObject(env, tenant, grant)
}

function warningsOf({ state, usedAtMs }: ApprovalView): string[] {
  if (state !== 'denied' || usedAtMs === null) return []
  return [
    `A call was made by this approval at ${at(usedAtMs)}, or is still at its server: the denial does not undo it. It is not ` +
      'let through again.',
  ]
}

function absent(): Response {
  return problem(404, 'Not found', 'This tenant has no approval of that id.')
}

function approvalResource(approval: ApprovalView): z.output<ReturnType<typeof shownSchema>> {
  const { id, state, grant, account, server, tool, rule, message, url, reason } = approval
  return {
    id,
    state,
    grant,
    session: approval.sessionId,
    account,
    client: approval.client ?? null,
    server,
    tool,
    argument_names: [...approval.argumentNames],
    arguments_hmac: approval.argumentsHmac,
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
