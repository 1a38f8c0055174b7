/** The native server `legiti`: what each of its tools does with good arguments. */
import * as z from 'zod/v4'
import { isObject } from '../base/json.ts'
import { lazy } from '../base/lazy.ts'
import type { Admitted } from '../contract/principal.ts'
import { retryAfterMs } from '../durable/retries.ts'
import { askLegiti, type LegitiAnswer } from '../legiti/client.ts'
import { legitiSettings } from '../legiti/settings.ts'
import { type LegitiTool, legitiTools } from '../legiti/tools/all.ts'
import { findCardNumber } from '../legiti/tools/card.ts'
import { toWire } from '../legiti/wire.ts'
import { SESSION_ARGUMENT } from '../request/session-argument-text.ts'
import { failure, passedOn, success } from './kit/result.ts'
import { definition } from './kit/schemas.ts'
import {
  type CallContext,
  type Completion,
  type NativeTool,
  type Preparation,
  sessionHandle,
} from './kit/tool.ts'

/** Order evaluation is known to take 20 s. */
export const DECISION_TIMEOUT_MS = 25_000

const acceptedOutput = lazy(() =>
  z.object({
    message: z.string().describe('The same in a sentence'),
    status: z.literal('accepted'),
    event: z.string().describe('Names the event in the outbox, from which it is delivered to Legiti'),
  }),
)

export const legitiServerTools: readonly NativeTool[] = legitiTools.map((tool) => {
  const input = lazy(() => tool.input().extend({ [SESSION_ARGUMENT]: sessionHandle() }))
  const { name, title, description, annotations } = tool
  return {
    server: 'legiti',
    definition: definition(
      { name, title, description, annotations: { title, ...annotations } },
      { input, output: tool.kind === 'notification' ? acceptedOutput : null },
    ),
    input,
    prepare: (args, context) => prepare(tool, args, context),
  }
})

function prepare(
  tool: LegitiTool,
  given: Readonly<Record<string, unknown>>,
  context: CallContext,
): Preparation {
  const { [SESSION_ARGUMENT]: _, ...args } = given
  const card = findCardNumber(args)
  if (card !== null) {
    return {
      kind: 'refuse',
      code: 'card_number',
      message:
        `Refused: ${card} looks like a full card number. Legiti takes the first six digits ` +
        '(first_six_digits_cc) and the last four (last_four_digits_cc) only. Nothing was sent.',
    }
  }
  if (tool.kind === 'notification') {
    return { kind: 'work', work: { kind: 'notify', tool: tool.name, args }, complete: completeNotification }
  }
  return { kind: 'work', work: { kind: 'none' }, complete: () => decide(tool, args, context) }
}

function completeNotification({ outcome }: Admitted): Completion {
  const event = outcome.kind === 'accepted' ? outcome.event : ''
  return { result: success(`Accepted as ${event}. Legiti will be told.`, { status: 'accepted', event }) }
}

/** Asks Legiti and waits for its answer. */
async function decide(
  tool: LegitiTool,
  args: Readonly<Record<string, unknown>>,
  { env, signal }: CallContext,
): Promise<Completion> {
  const { target, profile } = legitiSettings(env)
  const answer = await askLegiti(target, toWire(profile, tool.name, args), DECISION_TIMEOUT_MS, signal)
  return complete(tool, answer)
}

/**
 * Turns the answer into a tool result. A charge is given back only where the fault was ours and the call surely did nothing: it was not
 * sent, or sent with a key that Legiti refused. Any other answer of Legiti was used, even a refusal: an agent that asks for an unknown
 * sale in a loop is what limits are for.
 */
function complete(tool: LegitiTool, answer: LegitiAnswer): Completion {
  switch (answer.kind) {
    case 'unsent':
      return {
        result: failure(
          'not_configured',
          `Legiti cannot be reached: ${answer.why}. Nothing was sent. Tell the operator.`,
        ),
        refund: true,
      }
    case 'failed': {
      const what = {
        timeout: 'did not answer in time',
        network: 'could not be reached',
        aborted: 'was not waited for',
      }
      const check = tool.annotations.readOnlyHint
        ? 'Try again.'
        : 'It may have acted on the request: look with get_decision before you repeat it.'
      return { result: failure('legiti_unavailable', `Legiti ${what[answer.failure]}. ${check}`) }
    }
    case 'answered':
      return answered(answer)
  }
}

function answered({ status, body, retryAfter }: Extract<LegitiAnswer, { kind: 'answered' }>): Completion {
  if (status >= 200 && status < 300) {
    const structured = isObject(body) ? body : { status, answer: body }
    return { result: passedOn(structured) }
  }
  const { message, code } = legitiError(body)
  const said = message === null ? '' : ` It says: ${message}${code === null ? '' : ` (${code})`}.`
  const details = { status, legiti: { message, code } }
  if (status === 401 || status === 403) {
    const text = `Legiti refused our key (HTTP ${status}).${said} Tell the operator to check the secret LEGITI_API_KEY.`
    return { result: failure('legiti_unauthorized', text, details), refund: true }
  }
  if (status === 429) {
    const wait = retryAfterMs(retryAfter, Date.now())
    const seconds = wait === null ? null : Math.ceil(wait / 1_000)
    const text = `Legiti takes no more requests now (HTTP 429).${said} Try again ${seconds === null ? 'later' : `in ${seconds} s`}.`
    const retry = seconds === null ? {} : { retry_after_seconds: seconds }
    return { result: failure('legiti_busy', text, { ...details, ...retry }) }
  }
  if (status >= 400 && status < 500) {
    const text = `Legiti refused the request (HTTP ${status}).${said} Correct the arguments and try again.`
    return { result: failure('legiti_refused', text, details) }
  }
  const text = `Legiti failed (HTTP ${status}).${said} Try again later; it may have acted on the request.`
  return { result: failure('legiti_failed', text, details) }
}

/** Legiti's own words: `{error_message, error_code}` or `{message}`, cut to a sensible length. */
function legitiError(body: unknown): { message: string | null; code: string | null } {
  if (!isObject(body)) return { message: null, code: null }
  const text = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 500) : null
  return { message: text(body.error_message) ?? text(body.message), code: text(body.error_code) }
}
