/** Calls that wait for a person, from outside: read, decided, awaited, given back. */
import { openContent } from '../../approvals/sealed-content.ts'
import type {
  ApprovalView,
  DecideAnswer,
  DecideRequest,
  GivenBack,
  JudgedText,
  NoContent,
} from '../../contract/approvals.ts'
import { secretKeys } from '../../secrets/seal.ts'
import { readContent } from '../tables/approval-contents.ts'
import { decideApproval } from '../tables/approval-decisions.ts'
import { readApproval, readRow } from '../tables/approval-rows.ts'
import { giveBackApproval } from '../tables/approvals.ts'
import { Decisions } from './decisions.ts'
import { DRAIN_GRACE_MS } from './housekeeping.ts'
import type { PrincipalState } from './state.ts'

function without(approval: ApprovalView, absent: NoContent): JudgedText {
  return { approval, content: null, absent }
}

export class HeldCalls {
  readonly #principal: PrincipalState
  readonly #announceToTenant: () => Promise<void>
  readonly #notifyClient: (approval: ApprovalView) => void
  readonly #decisions = new Decisions()

  /** @param notifyClient tells the client whose call it is that somebody has decided */
  constructor(
    principal: PrincipalState,
    announceToTenant: () => Promise<void>,
    notifyClient: (approval: ApprovalView) => void,
  ) {
    this.#principal = principal
    this.#announceToTenant = announceToTenant
    this.#notifyClient = notifyClient
  }

  /** A call that waits for a person, or did; null for an id that is of none. */
  read(id: string): ApprovalView | null {
    const { sql, grant } = this.#principal
    return grant === null ? null : readApproval(sql, { id, grant: grant.name }, Date.now())
  }

  /** The same with what the call carries, for whoever may decide about it. */
  async judge(id: string): Promise<JudgedText | null> {
    const approval = this.read(id)
    if (approval === null) return null
    const { sql, grant, env } = this.#principal
    const row = readRow(sql, id)
    const isOver = approval.state === 'expired' || grant === null || grant.revokedAtMs !== null
    if (approval.state !== 'pending' && approval.state !== 'expired') return without(approval, 'decided')
    if (isOver || row === null || grant.config.suspended === true) return without(approval, 'over')
    const keys = secretKeys(env)
    const sealed = readContent(sql, id, Date.now())
    if (sealed === null) return without(approval, keys === null ? 'no_keys' : 'not_kept')
    const of = { tenant: grant.tenant, grant: grant.name, digest: row.arguments }
    const content = keys === null ? null : await openContent(keys, of, sealed)
    return content === null
      ? without(approval, keys === null ? 'no_keys' : 'other_keys')
      : { approval, content, absent: null }
  }

  async decide(request: DecideRequest): Promise<DecideAnswer> {
    const { sql, grant, alarm } = this.#principal
    if (grant === null) return { kind: 'absent' }
    const answer = await this.#principal.write(() => {
      const decided = decideApproval(sql, request, grant.name, Date.now())
      if (decided.kind === 'decided') alarm.by(Date.now() + DRAIN_GRACE_MS)
      return decided
    })
    if (answer.kind !== 'decided') return answer
    // Before the tenant, which may be slow.
    this.#notifyClient(answer.approval)
    await this.#announce(request.id)
    return answer
  }

  /** Returns when somebody decides, or the call is given back, or after `mostMs`; at once where neither is to be expected. */
  async wait(id: string, mostMs: number): Promise<void> {
    const state = this.read(id)?.state
    if (state === 'pending' || state === 'used') await this.#decisions.wait(id, mostMs)
  }

  /** Gives back the approval that `requestId` used, in one transaction with `work`. */
  async giveBack(requestId: string, how: GivenBack, work: () => void): Promise<void> {
    const { sql, grant, alarm } = this.#principal
    if (grant === null) return
    const reopened = await this.#principal.write(() => {
      work()
      const id = giveBackApproval(sql, { requestId, how, grant: grant.name }, Date.now())
      if (id !== null) alarm.by(Date.now() + DRAIN_GRACE_MS)
      return id
    })
    if (reopened !== null) await this.#announce(reopened)
  }

  async #announce(id: string): Promise<void> {
    this.#decisions.happened(id)
    await this.#announceToTenant()
  }
}
