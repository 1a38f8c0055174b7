/** Calls that wait for a person, from outside: read, decided, awaited, given back. */
import type { ApprovalView, DecideAnswer, DecideRequest, GivenBack } from '../approvals/contract.ts'
import { decideApproval } from './approval-decisions.ts'
import { readApproval } from './approval-rows.ts'
import { giveBackApproval } from './approvals.ts'
import { Decisions } from './decisions.ts'
import { DRAIN_GRACE_MS } from './housekeeping.ts'
import type { PrincipalState } from './state.ts'

export class HeldCalls {
  readonly #principal: PrincipalState
  readonly #tellTenant: () => Promise<void>
  readonly #tellClient: (approval: ApprovalView) => void
  readonly #decisions = new Decisions()

  /** @param tellClient tells the client whose call it is that somebody has decided */
  constructor(
    principal: PrincipalState,
    tellTenant: () => Promise<void>,
    tellClient: (approval: ApprovalView) => void,
  ) {
    this.#principal = principal
    this.#tellTenant = tellTenant
    this.#tellClient = tellClient
  }

  /** A call that waits for a person, or did; null for an id that is of none. */
  read(id: string): ApprovalView | null {
    const { sql, grant } = this.#principal
    return grant === null ? null : readApproval(sql, id, grant.name, Date.now())
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
    this.#tellClient(answer.approval)
    await this.#tell(request.id)
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
      const id = giveBackApproval(sql, requestId, how, grant.name, Date.now())
      if (id !== null) alarm.by(Date.now() + DRAIN_GRACE_MS)
      return id
    })
    if (reopened !== null) await this.#tell(reopened)
  }

  async #tell(id: string): Promise<void> {
    this.#decisions.happened(id)
    await this.#tellTenant()
  }
}
