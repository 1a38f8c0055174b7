/**
 * Asks the principal: the one Durable Object call of a request. A Worker whose configuration is stale gets the current one and decides
 * again, so that a changed policy holds for the very next request.
 */
import { codes, type Refusal } from '../base/jsonrpc.ts'
import { errorName, log } from '../base/log.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { TenantConfig } from '../contract/config.ts'
import { principalOf } from '../contract/objects.ts'
import {
  type AdmitAnswer,
  type AdmitRequest,
  type Admitted,
  type Intent,
  isOnRecord,
} from '../contract/principal.ts'
import type { RequestContext } from './context.ts'
import { conclude } from './decided.ts'
import { countFailure } from './failures.ts'
import { forget, known, remember, rememberCaller } from './known.ts'
import { putBackOutcomes, takeOutcomes } from './outcomes.ts'
import { DEAD_HANDLE } from './session-handle.ts'

/** The context of a request that has been admitted, in the login that it belongs to. */
export function admittedIn(context: RequestContext, { session, label }: Admitted): RequestContext {
  const caller = { account: session?.account ?? null, label }
  return { ...context, login: session?.id ?? null, caller }
}

/** The principal's answer, or that it could not be asked: then nothing goes on. */
export type Admission = AdmitAnswer | { readonly kind: 'unavailable' }

/** Policies and accounts change rarely; more changes during one request mean that something is wrong. */
const MOST_ATTEMPTS = 4

/** A question for the principal, without what only travels along. */
export type Question = Omit<AdmitRequest, 'settled'>

export function question(
  context: RequestContext,
  intent: Intent,
  configVersion: string | null,
  upstream: AdmitRequest['upstream'] = null,
): Question {
  const { presented, requestId, transport, handle, client } = context
  const { tenant, grant, credential } = presented
  const asked = { tenant, grant, credential, requestId, transport, handle, configVersion, upstream, intent }
  return client !== null && isOnRecord(intent) ? { ...asked, client } : asked
}

/** Asks for something that no configuration has a say in. */
export async function ask(context: RequestContext, intent: Intent): Promise<Admission> {
  const admission = await askAhead(context, intent)
  conclude(context, intent, admission)
  return admission
}

/** The same ahead of other questions: where nothing else is asked, the asker has to `conclude`. */
export function askAhead(context: RequestContext, intent: Intent): Promise<Admission> {
  return put(context, question(context, intent, null))
}

/** The plan made of a configuration: the question to ask, and the parts that the answer will need. */
export interface Planned {
  readonly intent: Intent
  /** The session that the call names, where only the configuration tells how it does; else what the context says counts. */
  readonly handle?: string | null
  /** The upstream whose session is wanted. */
  readonly upstream?: AdmitRequest['upstream']
  /** Another question follows, or else the asker has to `conclude`. */
  readonly isAhead?: true
  /** Undoes what planning took elsewhere, when the principal does not admit it. */
  readonly abandon?: () => Promise<void>
}

/** Asks for something that depends on the tenant's configuration: `plan` is made again while it turns out stale. */
export async function askPlanned<P extends Planned>(
  context: RequestContext,
  plan: (config: CompiledConfig) => P | Promise<P>,
): Promise<{ admission: Admission; planned: P | null; config: CompiledConfig | null }> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const config = known(context.presented.key) ?? null
    const planned = config === null ? null : await plan(config)
    const intent: Intent = planned?.intent ?? { kind: 'configure' }
    const named = planned?.handle === undefined ? context : { ...context, handle: planned.handle }
    const admission = await put(context, question(named, intent, config?.version ?? null, planned?.upstream))
    // Without an answer the call may have been admitted: then what was taken stays taken.
    const isRefused = admission.kind !== 'admitted' && admission.kind !== 'unavailable'
    // Awaited, so that another attempt finds it given back.
    if (isRefused) await planned?.abandon?.()
    if (admission.kind === 'context') {
      const { account, label } = admission
      rememberCaller(context.presented.key, named, { account, label })
    } else if (admission.kind !== 'stale') {
      if (planned?.isAhead !== true) conclude(context, intent, admission)
      return { admission, planned, config }
    }
  }
  const admission = { kind: 'unavailable' } as const
  conclude(context, { kind: 'configure' }, admission)
  return { admission, planned: null, config: null }
}

/** Puts a question, and sends along how earlier calls ended; what of that may not have arrived waits for the next. */
async function put(context: RequestContext, asked: Question): Promise<Admission> {
  const settled = takeOutcomes(context)
  try {
    const answer = await learn(context, await principalOf(context).admit({ ...asked, settled }))
    if (answer.kind === 'unauthorized') putBackOutcomes(context, settled)
    return answer
  } catch (error) {
    putBackOutcomes(context, settled)
    log('error', 'principal.unavailable', {
      request: context.requestId,
      error: errorName(error),
    })
    return { kind: 'unavailable' }
  }
}

/** Does work that the client does not wait for. Should it fail, nothing acknowledged is lost: the principal's alarm sees to it. */
export function afterAnswer(
  context: RequestContext,
  work: (principal: ReturnType<typeof principalOf>) => Promise<unknown>,
): void {
  const done = work(principalOf(context)).catch((error: unknown) => {
    log('warn', 'principal.after_answer_failed', { request: context.requestId, error: errorName(error) })
  })
  context.execution.waitUntil(done)
}

/** After the answer: streams of ended transports are closed, and Legiti is told. The alarm does it if this dies. */
export function drainLater(context: RequestContext): void {
  afterAnswer(context, (principal) => principal.drain())
}

/** Takes from an answer what the isolate should know next time. */
export async function learn<A extends AdmitAnswer>(context: RequestContext, answer: A): Promise<A> {
  if (answer.kind === 'stale') remember(context.presented.key, JSON.parse(answer.config) as TenantConfig)
  if (answer.kind === 'unauthorized') {
    forget(context.presented.key)
    await countFailure(context.http, context.env, Date.now())
  }
  return answer
}

/** The HTTP answer to a request that was not admitted. */
export function refusalOf(admission: Exclude<Admission, { kind: 'admitted' }>): Refusal | 'unauthorized' {
  switch (admission.kind) {
    case 'unauthorized':
      return 'unauthorized'
    case 'dead_session':
      return {
        status: 404,
        code: codes.sessionNotFound,
        message: 'Session not found: it has ended; initialize again',
      }
    case 'suspended':
      return { status: 403, code: codes.transport, message: 'This tenant is suspended' }
    case 'too_many_sessions':
      return {
        status: 429,
        code: codes.transport,
        message: `This grant has ${admission.max} live sessions, which is the most it may have; end some or try again`,
        retryAfterSeconds: CROWDED_RETRY_SECONDS,
      }
    case 'dead_handle':
      return { status: 200, code: codes.invalidParams, message: DEAD_HANDLE }
    // Limits, approvals and a full outbox are answers to calls, which say it in a tool error; elsewhere they make no sense.
    case 'stale':
    case 'context':
    case 'unavailable':
    case 'limited':
    case 'outbox_full':
    case 'approval':
    case 'approvals_full':
      return {
        status: 503,
        code: codes.internalError,
        message: 'The request could not be decided, so it was refused; try again',
        retryAfterSeconds: 1,
      }
  }
}

/** The wait before it is worth while to ask again whether a session has ended. */
export const CROWDED_RETRY_SECONDS = 60
