/** The administration API's webhooks. A webhook's secret is in the answer that made it, and nowhere else ever. */
import * as z from 'zod/v4'
import { problem } from '../base/errors.ts'
import { lazy } from '../base/lazy.ts'
import { queueStates } from '../contract/queue.ts'
import { completeWebhook, webhookSchema, webhookUrlProblem } from '../contract/webhook-document.ts'
import { webhookEvents } from '../contract/webhook-events.ts'
import type { MessageView, WebhookView } from '../contract/webhooks.ts'
import { whyOff } from '../deployment/native-servers.ts'
import { object } from '../policy/fragments.ts'
import { allowsPrivate, checkAddress } from '../upstream/resolve.ts'
import { webhookSecret } from '../webhooks/signature.ts'
import {
  at,
  invalid,
  nameProblem,
  notFound,
  page,
  refusal,
  removal,
  tagged,
  tenantWarnings,
} from './answers.ts'
import type { Who } from './context.ts'
import {
  answer,
  jsonBody,
  limitQuery,
  overlapSeconds,
  pageOf,
  pageQuery,
  type Route,
  removed,
  route,
} from './route.ts'
import { may } from './who.ts'

const PATH = '/api/v1/tenants/:tenant/webhooks'
/** A day: long enough to tell a receiver. An administrator who has lost a secret says 0. */
const OVERLAP_SECONDS = 24 * 3_600
const MOST_OVERLAP_SECONDS = 30 * OVERLAP_SECONDS
const LEGITI_EVENT = 'legiti.dead_letter'

const shownSchema = lazy(() =>
  z.object({
    name: z.string(),
    url: z.string(),
    events: z.array(z.enum(webhookEvents)),
    enabled: z.boolean(),
    state: z.enum(['open', 'backing_off']),
    failures: z.int().describe('Rounds that failed in a row'),
    retry_at: z.string().nullable(),
    last_error: z.string().nullable(),
    last_success_at: z.string().nullable(),
    pending: z.int(),
    dead: z.int(),
    older_secret_until: z
      .string()
      .nullable()
      .describe('Messages are signed with the secret before this one as well until then'),
    created_at: z.string(),
    updated_at: z.string(),
  }),
)
const changedSchema = lazy(() => shownSchema().extend({ warnings: z.array(z.string()) }))

const messageSchema = lazy(() =>
  z.object({
    id: z.string(),
    type: z.string(),
    state: z.enum(queueStates),
    at: z.string(),
    settled_at: z.string().nullable(),
    attempts: z.int(),
    last_error: z.string().nullable(),
  }),
)

export const webhookRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: PATH,
      role: 'viewer',
      summary: 'All webhooks, by name',
      query: object({ ...pageQuery() }),
      answers: { 200: answer('A page of webhooks', pageOf(shownSchema())) },
    },
    async ({ object, who, query: { after = null, limit } }) => {
      const { items, next } = page(
        await object.webhooks({ after, limit: limit + 1 }),
        limit,
        ({ name }) => name,
      )
      return Response.json({ items: items.map((webhook) => webhookResource(webhook, who)), next })
    },
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name`,
      role: 'viewer',
      summary: 'A webhook, and how it stands',
      answers: { 200: answer('The webhook, without its secret', shownSchema()) },
    },
    async ({ object, who, params }) => {
      const webhook = await object.webhook(params.name)
      return webhook === null ? notFound('webhook') : tagged(webhookResource(webhook, who), webhook.tag)
    },
  ),
  route(
    {
      method: 'PUT',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Makes a webhook or changes it',
      description:
        'The secret that messages are signed with (Standard Webhooks) is in the answer that makes the webhook, and nowhere ' +
        'else. A change keeps it.',
      body: jsonBody(webhookSchema()),
      answers: {
        200: answer('The webhook as it is now', changedSchema()),
        201: answer('The webhook was made', changedSchema().extend({ secret: z.string() })),
      },
      creates: true,
      versioned: true,
    },
    async ({ object, env, tenant, params: { name }, body, seed, who, by }) => {
      const wrong = nameProblem('webhook', name)
      if (wrong !== null) return invalid([wrong])
      const url = URL.parse(body.url)
      const urlWrong = webhookUrlProblem(url, allowsPrivate(env))
      if (url === null || urlWrong !== null) return invalid([urlWrong ?? ''])
      const address = await checkAddress(url, env)
      if (address.kind === 'unknown') return problem(503, 'Resolver unavailable', address.problem)
      if (address.kind === 'refused') return invalid([address.problem])
      const secret = webhookSecret(seed)
      const put = await object.putWebhook(tenant, name, completeWebhook(body, url), secret, by)
      if (put.kind !== 'done') return refusal(put)
      const warnings = tenantWarnings(put, tenant)
      if (url.protocol === 'http:') warnings.push('Messages are sent to this webhook unencrypted.')
      const off = whyOff(env, 'legiti')
      // A webhook for every event asks for those that there are.
      if (off !== null && body.events.includes(LEGITI_EVENT) && body.events.length < webhookEvents.length)
        warnings.push(
          `The webhook asks for ${LEGITI_EVENT}, and this deployment does not have Legiti (${off}).`,
        )
      const now = { ...webhookResource(put.now, who), warnings }
      return put.created ? tagged({ ...now, secret }, put.now.tag, 201) : tagged(now, put.now.tag)
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/rotate`,
      role: 'admin',
      summary: 'Gives a webhook another secret',
      description:
        'Messages are signed with the new one at once, and with the one before it as well for `overlap_seconds` more, so that a ' +
        'receiver that knows either takes them. One before that signs no longer.',
      body: jsonBody(
        object({
          overlap_seconds: overlapSeconds({ most: MOST_OVERLAP_SECONDS, usual: OVERLAP_SECONDS }),
        }),
      ),
      answers: {
        201: answer('The webhook with its new secret', changedSchema().extend({ secret: z.string() })),
      },
      creates: true,
      versioned: true,
    },
    async ({ object, tenant, params: { name }, body, seed, who, by }) => {
      const secret = webhookSecret(seed)
      const put = await object.rotateWebhook(tenant, name, secret, body.overlap_seconds * 1_000, by)
      if (put === null) return notFound('webhook')
      if (put.kind !== 'done') return refusal(put)
      const now = { ...webhookResource(put.now, who), warnings: tenantWarnings(put, tenant) }
      return tagged({ ...now, secret }, put.now.tag, 201)
    },
  ),
  route(
    {
      method: 'DELETE',
      path: `${PATH}/:name`,
      role: 'admin',
      summary: 'Forgets a webhook and what waits for it',
      versioned: true,
      answers: removed(),
    },
    async ({ object, params, by }) => removal(await object.deleteWebhook(params.name, by), 'webhook'),
  ),
  route(
    {
      method: 'GET',
      path: `${PATH}/:name/messages`,
      role: 'viewer',
      summary: 'Messages to a webhook in one state, oldest first',
      query: object({
        state: z.enum(queueStates).default('pending'),
        after: z
          .string()
          .regex(/^[0-9]{1,15}$/, 'the next of an earlier page')
          .optional(),
        limit: limitQuery(),
      }),
      answers: { 200: answer('A page of messages, without what is in them', pageOf(messageSchema())) },
    },
    async ({ object, params, query: { state, after = '0', limit } }) => {
      const messages = await object.webhookMessages(params.name, state, Number(after), limit + 1)
      if (messages === null) return notFound('webhook')
      const { items, next } = page(messages, limit, ({ seq }) => String(seq))
      return Response.json({ items: items.map(shownMessage), next })
    },
  ),
  route(
    {
      method: 'POST',
      path: `${PATH}/:name/messages/:message/replay`,
      role: 'admin',
      summary: 'Sends a dead letter again',
      answers: {
        202: answer('It is queued', z.object({ message: z.string(), state: z.literal('pending') })),
      },
    },
    async ({ object, params: { name, message }, by }) =>
      (await object.replayMessage(name, message, by.actor))
        ? Response.json({ message, state: 'pending' }, { status: 202 })
        : problem(404, 'No such dead letter', 'This webhook has no dead letter of that id.'),
  ),
])

/** A receiver's URL is often all that one needs to write to it: whoever may not set it sees where it leads alone. */
function webhookResource(webhook: WebhookView, who: Who): z.output<ReturnType<typeof shownSchema>> {
  const { name, url, events, enabled, failures, retryAtMs, lastError, pending, dead, olderUntilMs } = webhook
  return {
    name,
    url: may(who, 'admin') ? url : `${new URL(url).origin}/…`,
    events: [...events],
    enabled,
    state: failures === 0 ? 'open' : 'backing_off',
    failures,
    retry_at: at(retryAtMs === 0 ? null : retryAtMs),
    last_error: lastError,
    last_success_at: at(webhook.lastSuccessAtMs),
    pending,
    dead,
    older_secret_until: at(olderUntilMs !== null && olderUntilMs > Date.now() ? olderUntilMs : null),
    created_at: at(webhook.createdAtMs),
    updated_at: at(webhook.updatedAtMs),
  }
}

function shownMessage({ id, type, state, atMs, settledAtMs, attempts, lastError }: MessageView) {
  return { id, type, state, at: at(atMs), settled_at: at(settledAtMs), attempts, last_error: lastError }
}
