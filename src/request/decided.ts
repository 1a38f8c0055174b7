/**
 * The one place that every decision of the MCP endpoint passes, once: about a call, or a request to read, that a policy decides; and
 * about any other request that is refused. Code that counts or shows all decisions belongs in `decided`.
 *
 * As in the audit trail, a call that waits for a person and then goes on is two decisions. A request that is let through
 * without a policy having a say in it (a list, `initialize`, a notification) is none.
 */
import { log } from '../base/log.ts'
import type { Era } from '../base/revisions.ts'
import type { Settings } from '../base/settings.ts'
import type { AdmitAnswer, HeldAnswer, Intent } from '../contract/principal.ts'
import { refusalRules, stoppedRules } from '../contract/refusal-rules.ts'
import type { RequestContext } from './context.ts'

/** A decision: names and codes, and never anything that a client wrote into its arguments. */
export interface Decided {
  /** The id of the request, and of its row in the audit trail where it has one. */
  readonly request: string
  /** As the credential says; null where there is none that says it. Nobody has checked it where the rule is `(token)`. */
  readonly tenant: string | null
  readonly grant: string | null
  /** As the audit trail names them; null for what is no call and reads nothing. */
  readonly server: string | null
  readonly tool: string | null
  readonly decision: 'allow' | 'deny' | 'approval' | 'limit' | 'refuse'
  /** The policy's rule, or in brackets a reason of the gateway's own. */
  readonly rule: string
  readonly era: Era
}

/** Takes a decision. */
export function decided({ LOG_DECISIONS: which }: Settings, decision: Decided): void {
  if (which === 'all' || (which === 'refused' && decision.decision !== 'allow'))
    log('info', 'decision', { ...decision })
}

const settings = ['none', 'refused', 'all']

/** Returns the problem with LOG_DECISIONS, or null. */
export function logDecisionsProblem({ LOG_DECISIONS: which }: Settings): string | null {
  if (which === undefined || settings.includes(which)) return null
  return `LOG_DECISIONS is ${JSON.stringify(which)}; allowed: ${settings.join(', ')}`
}

/** The principal's answer, or that it could not be asked. */
type Answer = AdmitAnswer | { readonly kind: 'unavailable' }
type Verdict = Pick<Decided, 'decision' | 'rule'>

/** Takes the decision that the answer to a question is, if it is one. */
export function conclude(context: RequestContext, intent: Intent, answer: Answer): void {
  const verdict = verdictOf(intent, answer)
  if (verdict !== null) take(context, verdict, intent)
}

/** Takes the refusal of a request that the principal had no objection to. */
export function concludeRefused(context: RequestContext, rule: string): void {
  take(context, { decision: 'refuse', rule }, null)
}

function take(
  { env, presented, requestId, era }: RequestContext,
  { decision, rule }: Verdict,
  intent: Intent | null,
): void {
  const call = intent !== null && 'call' in intent ? intent.call : null
  decided(env, {
    request: requestId,
    tenant: presented.tenant,
    grant: presented.grant,
    server: call?.server ?? null,
    tool: call?.tool ?? null,
    decision,
    rule,
    era,
  })
}

/** Null for a request that goes on and that no policy has a say in. */
function verdictOf(intent: Intent, answer: Answer): Verdict | null {
  switch (answer.kind) {
    case 'admitted':
      if (intent.kind === 'call') return { decision: 'allow', rule: intent.rule }
      return intent.kind === 'refuse' ? { decision: intent.decision, rule: intent.rule } : null
    case 'limited':
      return { decision: 'limit', rule: answer.limited.rule }
    case 'approval':
      return heldVerdict(answer)
    case 'unauthorized':
      return refused(refusalRules.token)
    case 'suspended':
      return refused(refusalRules.suspended)
    case 'dead_session':
    case 'dead_handle':
      return refused(refusalRules.deadSession)
    case 'too_many_sessions':
      return refused(refusalRules.manySessions)
    case 'outbox_full':
      return refused(refusalRules.outboxFull)
    case 'approvals_full':
      return refused(refusalRules.manyApprovals)
    case 'unavailable':
      return refused(refusalRules.unavailable)
    // The Worker decides again.
    case 'stale':
    case 'context':
      return null
  }
}

function heldVerdict({ approval, stopped }: HeldAnswer): Verdict {
  if (stopped) return refused(stoppedRules[stopped])
  return { decision: approval.state === 'denied' ? 'deny' : 'approval', rule: approval.rule }
}

function refused(rule: string): Verdict {
  return { decision: 'refuse', rule }
}
