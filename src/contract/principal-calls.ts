/** The calls that the Worker and a tenant make to a principal's object. */
import type { ApprovalView, DecideAnswer, DecideRequest, JudgedText } from './approvals.ts'
import type { Cut, LocalRows, LogEvidence, LogHead } from './audit-logs.ts'
import type { NewGrant } from './grant.ts'
import type { EventPage, ListedEvent, OutboxView } from './outbox.ts'
import type {
  AdmitAnswer,
  AdmitRequest,
  AwaitCancellation,
  BindAnswer,
  BindRequest,
  CancellationNotice,
  CancelRequest,
  ClaimAnswer,
  ClaimRequest,
  ForgetRequest,
  LossRequest,
  PreferenceRequest,
  ResealAnswer,
  SessionPage,
  SessionsToEnd,
  Settled,
} from './principal.ts'

export interface PrincipalCalls extends Rpc.DurableObjectBranded {
  /** The hot path: authenticates, decides, counts, does the principal's own work and writes it all down. */
  admit(request: AdmitRequest): Promise<AdmitAnswer>

  /**
   * Stores a session that the Worker has opened upstream, unless another was first: then that one counts, and the Worker should end its
   * own. Open streams of the transport are notified of a new one.
   * @throws RangeError when a name or id is longer than its limit
   */
  bindUpstream(request: BindRequest): Promise<BindAnswer>

  /**
   * Tells whether the Worker is to open a session upstream. One of several that ask at the same time is told to;
   * the others wait until it has bound the session, or for as long as that may take, and are to open one themselves if there is none
   * then.
   */
  claimUpstream(request: ClaimRequest): Promise<ClaimAnswer>

  /** A session that was to be opened could not be: nobody need wait for it. */
  giveUpUpstream(request: ClaimRequest): Promise<void>

  /** Stores a client's preference at a server, so that a new session upstream can be sent it. */
  wishUpstream(request: PreferenceRequest): Promise<void>

  /** A client cancels a request of its connection. Nothing is asked of storage. */
  takeBack(request: CancelRequest): Promise<void>

  /** Returns when a request is cancelled at an isolate that does not bring it to its server; null after `mostMs`. */
  waitForTakingBack(request: AwaitCancellation): Promise<CancellationNotice | null>

  /** Has the streams of a connection say that updates will not come any more. */
  loseUpdates(request: LossRequest): Promise<void>

  /** Forgets a session upstream that its server has ended, so that the next request opens another. */
  forgetUpstream(request: ForgetRequest): Promise<void>

  /** Writes down how calls ended, for an isolate that has got quiet. At most MOST_SETTLED at once. */
  settle(settled: readonly Settled[]): Promise<void>

  /** Called once the client has its answer: closes streams of ended transports and sends what is due. */
  drain(): Promise<void>

  /**
   * Gives back what `requestId` was charged, and the approval that it used. For calls that surely did not happen; doing it
   * twice changes nothing.
   * @param isAnswered the server itself said that it has done nothing
   */
  refund(requestId: string, isAnswered?: boolean): Promise<void>

  /** Lets the approved call of `requestId` go on, by `continuation` alone: its server asks for input before it does anything. */
  reopenApproval(requestId: string, continuation: string): Promise<void>

  /** A call that waits for a person, or did; null for an id that is of none. */
  approval(id: string): Promise<ApprovalView | null>

  /** The same with the values that it carries, for those alone who may decide about it; null for an id that is of none. */
  approvalContent(id: string): Promise<JudgedText | null>

  /** Writes down what a person says of a call. It holds for the very next request. */
  decideApproval(request: DecideRequest): Promise<DecideAnswer>

  /**
   * Returns when somebody decides about a call, or when it is given back; or after `mostMs`. At once where neither is to
   * be expected.
   */
  waitForDecision(id: string, mostMs: number): Promise<void>

  /**
   * Installs or replaces the grant. Open streams are notified when that may have changed their tools, and end when the secret that opened
   * them has been replaced. Its approvals are closed then. It may be another grant of the same name, whose predecessor's end was never
   * reported here: then that one ends first.
   */
  installGrant(given: NewGrant): Promise<void>

  /** Revokes the grant and ends its sessions. It holds for the very next request. */
  revoke(): Promise<boolean>

  /** A page of live sessions, of one account or of all; `after` is the `next` of the page before. Null: no grant. */
  sessions(account: string | null, after: number, most: number): Promise<SessionPage | null>

  /**
   * Ends sessions for an administrator. The consequences, Legiti's event first of all, are in the same transactions, and the alarm sends
   * them. Answers how many ended; null: no grant.
   */
  endSessions(which: SessionsToEnd): Promise<number | null>

  /**
   * Leaves for good: revokes the grant, sends what is due for a while, and answers what is not delivered. With
   * `isOver` nothing more is waited for.
   */
  leave(isOver: boolean): Promise<{
    readonly undelivered: number
    readonly dead: number
  }>

  /** Forgets everything; asked again there is nothing to forget. Only after `leave`. */
  erase(): Promise<void>

  /**
   * Seals what is kept sealed anew, some of it: ask until nothing is left but what is stuck.
   * @param key id of the current key
   */
  reseal(key: string): Promise<ResealAnswer>

  /** When the grant was last used, by whatever was decided; null: never, or nothing of it is kept. */
  lastUsed(): Promise<number | null>

  /** Returns the state of the outbox and its destination; null for an object without a grant. */
  outbox(): Promise<OutboxView | null>

  /** A page of events in one state, oldest first; `after` is the `next` of the page before. */
  outboxEvents(state: ListedEvent['state'], after: number, most: number): Promise<EventPage | null>

  /** Tells whether there is a dead letter of that id. */
  isDeadLetter(id: string): Promise<boolean>

  /** Queues a dead letter again and tries Legiti at once. False when there is no such letter. */
  replayEvent(id: string): Promise<boolean>

  /** Returns the end of this log, and the part of it that the audit database holds for sure; null for an object without a grant. */
  auditHead(): Promise<LogHead | null>

  /** The same, and what it remembers of rows after `cut`, where retention has cut it; what is from before is let go. */
  auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null>

  /** Returns when no audit rows are on their way. */
  auditSettled(): Promise<void>

  /** Rows that are still here, after `seq`: those that may not have been carried yet. */
  auditRows(seq: number, most: number): Promise<LocalRows | null>
}
