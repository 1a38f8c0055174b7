/**
 * Decides on every call, whatever serves it: the policy first, then the limits of the whole tenant. The principal counts the rest, by
 * the intent that is made here.
 */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentDigests } from '../approvals/digests.ts'
import { sealContent } from '../approvals/sealed-content.ts'
import type { ApprovalAsked } from '../contract/approvals.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Assumed, CallRecord, Intent, Work } from '../contract/principal.ts'
import type { Reservation } from '../policy/counting.ts'
import { concealedIn, decide, usesContext } from '../policy/decide.ts'
import type { Call, Charge, Kind, Shadow } from '../policy/model.ts'
import type { ConcealedPath } from '../policy/path.ts'
import type { RequestContext } from '../request/context.ts'
import { knownCaller, NOBODY } from '../request/known.ts'
import { publicBase } from '../request/public-base.ts'
import { failure } from '../servers/kit/result.ts'
import { type Answers, continuationOf } from './approval-continuation.ts'
import { limitedHeaders, limitedResult } from './results.ts'
import { refundTenant, reserveForTenant } from './tenant-limits.ts'

/** A call, as far as the policy and the audit look at it. */
export interface Subject {
  /** Absent: a call of a tool. */
  readonly kind?: Kind
  /** The tool; or what is read, as policies name it. */
  readonly tool: string
  /** Another name that rules may use for the tool. */
  readonly alias?: string | undefined
  readonly args: Readonly<Record<string, unknown>>
  readonly completion?: Call['completion']
  readonly annotations?: Readonly<Record<string, unknown>> | undefined
  readonly call: CallRecord
  /** The `_meta` that is forwarded with it, or null; absent: it has none. Read only where a person must approve the call. */
  readonly meta?: () => Readonly<Record<string, unknown>> | null
  /** Arguments that nobody is shown, whatever the policy says. */
  readonly secrets?: readonly string[]
  /** Its answers to its server's questions; null or absent for a call that begins. */
  readonly answers?: Answers | null
  /** The principal may not know yet that the server has asked. */
  readonly isEarly?: boolean
}

/** Never reaches the tool. */
export interface RefusedCall {
  readonly kind: 'refused'
  readonly intent: Intent
  readonly result: CallToolResult
  readonly headers: Readonly<Record<string, string>>
}

/** The charge on the tenant's counters, and the way to give it back. */
export interface TenantCharge {
  readonly taken: Extract<Reservation, { ok: true }>
  readonly abandon: () => Promise<void>
}

export interface ReservedCall {
  readonly kind: 'reserved'
  readonly intent: Intent
  readonly ofTenant: TenantCharge
}

type CallIntent = Extract<Intent, { kind: 'call' }>
type RefusalKind = Extract<Intent, { kind: 'refuse' }>['decision']

function argumentCalled(name: string): ConcealedPath {
  return { root: 'args', steps: [{ kind: 'name', name }] }
}

/** A call that is being judged: refuse it for a reason of the tool's own, or ask the policy. */
export class Judge {
  readonly #context: RequestContext
  readonly #config: CompiledConfig
  readonly #subject: Subject
  readonly #caller: typeof NOBODY
  readonly #assumed: Assumed | null
  #shadow: readonly Shadow[] = []
  #rule = ''
  #charges: readonly Charge[] = []
  /** The policy's message where a person must approve the call. */
  #approval: string | null = null

  constructor(context: RequestContext, config: CompiledConfig, subject: Subject) {
    const { kind, tool, alias, completion } = subject
    const isAsked = usesContext(config.policy, tool, { alias, kind, completion })
    this.#context = context
    this.#config = config
    this.#subject = subject
    this.#caller = isAsked ? knownCaller(context.presented.key, context) : NOBODY
    this.#assumed = isAsked ? this.#caller : null
  }

  refuse(decision: RefusalKind, rule: string, result: CallToolResult): RefusedCall {
    return { kind: 'refused', intent: this.refusal(decision, rule), result, headers: {} }
  }

  refusal(decision: RefusalKind, rule: string): Intent {
    const { call } = this.#subject
    return { kind: 'refuse', call, decision, rule, shadow: this.#shadow, assumed: this.#assumed }
  }

  /** Asks the policy; null when it allows, or would have a person asked: that is the principal's to find out. */
  decide(nowMs: number): RefusedCall | null {
    const { kind, tool, alias, args, completion, annotations } = this.#subject
    const decision = decide(
      this.#config.policy,
      { kind, tool, alias, args, completion, annotations },
      { nowMs, ...this.#caller },
    )
    this.#shadow = decision.shadow
    if (decision.action !== 'deny') {
      this.#rule = decision.rule
      this.#charges = decision.charges
      this.#approval = decision.action === 'require_approval' ? decision.message : null
      return null
    }
    const { code, rule, message } = decision
    return this.refuse('deny', rule, failure(code, `${message} (policy rule: ${rule})`, { rule }))
  }

  /**
   * Goes on with a call that was decided and charged when the request `begunBy` began it: nothing is charged again, and
   * nobody is asked again; what was said since then of its approval counts. Call it after `decide` has allowed.
   */
  resume(begunBy: string): ReservedCall {
    const nothing = { charges: [], approval: null, work: { kind: 'none' } } as const
    const intent = this.#intent({ rule: '(continued)', begunBy, ...nothing })
    const taken = { ok: true, taken: [], standings: [], shadow: [] } as const
    return { kind: 'reserved', intent, ofTenant: { taken, abandon: async () => {} } }
  }

  /** Charges the tenant's counters, and says what the principal is to do. Call it after `decide` has allowed. */
  async reserve(work: Work): Promise<ReservedCall | RefusedCall> {
    const isOfTenant = ({ scope }: Charge) => scope === 'tenant'
    const ofTenant = this.#charges.filter(isOfTenant)
    const taken = await reserveForTenant(this.#context, ofTenant)
    if (taken.ok === 'unavailable') {
      const message = 'The limits of this tenant could not be looked at, so the call was refused. Try again.'
      return this.refuse('refuse', '(unavailable)', failure('unavailable', message))
    }
    if (!taken.ok) {
      const { limited } = taken
      const intent = this.refusal('limit', limited.rule)
      return { kind: 'refused', intent, result: limitedResult(limited), headers: limitedHeaders(limited) }
    }
    this.#shadow = [...this.#shadow, ...taken.shadow]
    const charges = this.#charges.filter((charge) => !isOfTenant(charge))
    const approval = await this.#asked()
    const intent = this.#intent({ rule: this.#rule, charges, approval, begunBy: null, work })
    const abandon = () => refundTenant(this.#context, taken.taken)
    return { kind: 'reserved', intent, ofTenant: { taken, abandon } }
  }

  /** As `reserve`, for what takes nothing from limits. */
  free(): Promise<ReservedCall | RefusedCall> {
    this.#charges = []
    return this.reserve({ kind: 'none' })
  }

  #intent(said: Pick<CallIntent, 'rule' | 'charges' | 'approval' | 'begunBy' | 'work'>): CallIntent {
    const { call } = this.#subject
    return { kind: 'call', call, shadow: this.#shadow, assumed: this.#assumed, ...said }
  }

  async #asked(): Promise<ApprovalAsked | null> {
    if (this.#approval === null) return null
    const { env, http, presented } = this.#context
    const {
      tool,
      alias,
      args,
      meta = () => null,
      secrets = [],
      answers = null,
      isEarly = false,
    } = this.#subject
    const [digests, continues] = await Promise.all([
      argumentDigests(env, presented.tenant, args),
      answers === null ? null : continuationOf(answers),
    ])
    const { tenant, grant } = presented
    const of = { tenant, grant, digest: digests[0] ?? '' }
    const { policy } = this.#config
    const ofPolicy = policy === null ? [] : concealedIn(policy, tool, alias)
    const paths = [...secrets.map(argumentCalled), ...ofPolicy]
    const content = await sealContent(env, of, { args, meta: meta() }, paths)
    const base = publicBase(env, presented.tenant, http)
    const said = { rule: this.#rule, message: this.#approval }
    return { digests, ...said, base, continues, isEarly, content }
  }
}
