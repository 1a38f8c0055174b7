/** The calls that the Worker, principals and exchanges make to a tenant's object. */
import type { Announcement, ApprovalCursor, ApprovalState, ApprovalView } from './approvals.ts'
import type { Cut, LocalRows, LogEvidence, TenantLogs } from './audit-logs.ts'
import type { AccessApplication } from './config.ts'
import type { GrantDocument } from './grant-document.ts'
import type { Ended, ExpectedLogin, IssuerLogout } from './logouts.ts'
import type { PersonDocument } from './person-document.ts'
import type { QueueState } from './queue.ts'
import type { ServerDocument } from './server-document.ts'
import type {
  ApprovalsLeft,
  Catalogue,
  Change,
  ChangeContext,
  DeletionView,
  GrantView,
  IdempotentRequest,
  LeftAdmins,
  ObservedListing,
  Page,
  PersonView,
  PolicySummary,
  PolicyView,
  PrincipalsResealed,
  Propagation,
  RefusedChange,
  Removal,
  Resealed,
  SecretView,
  ServerUses,
  ServerView,
  TenantView,
  ToolSchemas,
  Verdict,
} from './tenant.ts'
import type { UpstreamConfig, UpstreamReport } from './upstream.ts'
import type { WebhookDocument } from './webhook-document.ts'
import type { MessageView, WebhookView } from './webhooks.ts'

export interface TenantCalls extends Rpc.DurableObjectBranded {
  /** The tenant, or null where nothing was ever set up. */
  tenant(): Promise<TenantView | null>

  /** Tells whether there is a tenant. */
  exists(): Promise<boolean>

  /** @param isSaid of the demo's tenant: its built-in grant is to go by these settings */
  putTenant(
    tenant: string,
    settingsJson: string,
    by: ChangeContext,
    isSaid?: boolean,
  ): Promise<Change<TenantView>>

  suspend(isSuspended: boolean, by: ChangeContext): Promise<Change<TenantView> | null>

  deleteTenant(patienceMs: number, by: ChangeContext): Promise<RefusedChange | DeletionView>

  /** Returns the state of the deletion; null where none was ordered. */
  deletion(): Promise<DeletionView | null>

  /** The tenant's own application of Cloudflare Access; null: it has none. Settings from before there was one say nothing. */
  access(): Promise<AccessApplication | null>

  people(page: Page): Promise<readonly PersonView[]>

  person(name: string): Promise<PersonView | null>

  /** Returns the person whose token has this SHA-256 of its secret. */
  personByToken(name: string, secretHash: Uint8Array): Promise<PersonView | null>

  /** Returns the person with this e-mail address, in lower case. */
  personByEmail(email: string): Promise<PersonView | null>

  putPerson(
    tenant: string,
    name: string,
    document: PersonDocument,
    by: ChangeContext,
  ): Promise<Change<PersonView> & LeftAdmins>

  deletePerson(name: string, by: ChangeContext): Promise<Removal & LeftAdmins>

  addPersonToken(
    name: string,
    secretHash: Uint8Array,
    untilMs: number | null,
    olderUntilMs: number,
    by: ChangeContext,
  ): Promise<Change<PersonView> | null>

  revokePersonTokens(name: string, by: ChangeContext): Promise<Removal & LeftAdmins>

  secrets(page: Page): Promise<readonly SecretView[]>

  secret(name: string): Promise<SecretView | null>

  /** @param origins where it may be sent; null: where the one that it replaces may */
  putSecret(
    tenant: string,
    name: string,
    value: string,
    by: ChangeContext,
    origins?: readonly string[] | null,
  ): Promise<Change<SecretView>>

  deleteSecret(name: string, by: ChangeContext): Promise<Removal>

  reseal(by: ChangeContext): Promise<RefusedChange | Resealed>

  /** Has a page of principals seal anew what they hold; `after` is the `next` of the page before. */
  resealPrincipals(after: string | null, by: ChangeContext): Promise<PrincipalsResealed | RefusedChange>

  /** Returns the request that used an `Idempotency-Key` before; null: there was none, and the key now belongs to this request. */
  claimIdempotencyKey(
    actor: string,
    key: string,
    mine: {
      readonly digest: string
      readonly sealedSeed: string
    },
  ): Promise<IdempotentRequest | null>

  /** Keeps the answer to the request that claimed the key. */
  keepIdempotentAnswer(actor: string, key: string, sealedAnswer: string): Promise<void>

  /** The request of this digest that claimed the key was refused, so that it is free again. */
  releaseIdempotencyKey(actor: string, key: string, digest: string): Promise<void>

  servers(page: Page): Promise<readonly ServerView[]>

  server(name: string): Promise<ServerView | null>

  putServer(
    tenant: string,
    name: string,
    document: ServerDocument,
    by: ChangeContext,
  ): Promise<Change<ServerView>>

  /** The grants and policies that name a server; null: there is no such server. */
  serverUses(name: string): Promise<ServerUses | null>

  /** `uses`: what named it until then. */
  deleteServer(name: string, by: ChangeContext): Promise<Removal & { readonly uses?: ServerUses | null }>

  accept(
    server: string,
    tool: string | null,
    by: ChangeContext,
  ): Promise<
    | ({
        readonly accepted: readonly string[]
      } & Propagation)
    | null
  >

  /** Those that are there, or those that are deleted and still on record. */
  policies(page: Page, deleted?: boolean): Promise<readonly PolicySummary[]>

  /** Returns a version of a policy, the current one when `version` is null. Null for a deleted policy. */
  policy(name: string, version: number | null): Promise<PolicyView | null>

  putPolicy(
    tenant: string,
    name: string,
    documentJson: string,
    by: ChangeContext,
  ): Promise<Change<PolicyView>>

  /** The newest first; those before a version alone, where one is given. */
  policyVersions(name: string, before: number | null, most: number): Promise<readonly PolicySummary[]>

  rollBackPolicy(name: string, version: number, by: ChangeContext): Promise<Change<PolicyView> | null>

  deletePolicy(name: string, by: ChangeContext): Promise<Removal>

  grants(page: Page): Promise<readonly GrantView[]>

  grant(name: string): Promise<GrantView | null>

  /** The grants that are under a policy, each with the native servers that it has. */
  grantsUnder(
    policy: string,
  ): Promise<readonly { readonly name: string; readonly natives: readonly string[] }[]>

  /** Names of grants from `from` on, in order. */
  grantNames(from: string, most: number): Promise<readonly string[]>

  putGrant(
    tenant: string,
    name: string,
    document: GrantDocument,
    secretHash: Uint8Array,
    by: ChangeContext,
  ): Promise<Change<GrantView>>

  rotateGrant(
    name: string,
    secretHash: Uint8Array,
    overlapMs: number,
    by: ChangeContext,
  ): Promise<(Change<GrantView> & { readonly approvals?: ApprovalsLeft }) | null>

  deleteGrant(name: string, by: ChangeContext): Promise<Removal & { readonly approvals?: ApprovalsLeft }>

  /** Does one round of propagation with the principals that are due, as many as one invocation may reach. Returns true where more are. */
  propagateDue(untilMs: number): Promise<boolean>

  /** Counts the principals that do not have the present state of their grant yet. */
  pending(): Promise<number>

  /** Argument schemas of what the tenant's servers list, for checking policies. */
  toolSchemas(): Promise<ToolSchemas>

  observe(server: string, listing: ObservedListing): Promise<Verdict | null>

  report(server: string, report: UpstreamReport): Promise<void>

  /** The last known tools of a server, and what is pinned of those that have drifted; null before the first listing. */
  catalogue(server: string, incarnation?: string): Promise<Catalogue | null>

  /** A server as requests see it; null where there is none, or where it is switched off. */
  upstream(server: string): Promise<UpstreamConfig | null>

  /** Before an exchange object stores something of this tenant; false: the tenant is going away, so it must not. */
  keepExchange(id: string): Promise<boolean>

  /** An exchange object stores nothing any more. */
  dropExchange(id: string): Promise<void>

  /** Every log that there ever was in this tenant, where retention has cut each, and how this object's own stands. */
  auditLogs(): Promise<TenantLogs | null>

  /** Returns this object's records of its own log after `cut`, where retention has cut it; earlier ones are let go. */
  auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null>

  /** Administrative changes that are still here, after `seq`. */
  auditRows(seq: number, most: number): Promise<LocalRows | null>

  /** Takes in what a principal of this tenant tells: at least once, and the same once more changes nothing. */
  receiveAnnouncements(announcements: readonly Announcement[]): Promise<void>

  /** Calls that wait for a person, or did, the youngest first. */
  approvals(page: {
    readonly state: ApprovalState | null
    readonly after: ApprovalCursor | null
    readonly limit: number
  }): Promise<readonly ApprovalView[]>

  webhooks(page: Page): Promise<readonly WebhookView[]>

  webhook(name: string): Promise<WebhookView | null>

  putWebhook(
    tenant: string,
    name: string,
    document: WebhookDocument,
    secret: string,
    by: ChangeContext,
  ): Promise<Change<WebhookView>>

  rotateWebhook(
    tenant: string,
    name: string,
    secret: string,
    overlapMs: number,
    by: ChangeContext,
  ): Promise<Change<WebhookView> | null>

  deleteWebhook(name: string, by: ChangeContext): Promise<Removal>

  /** Messages to a webhook in one state, oldest first; null where there is no such webhook. */
  webhookMessages(
    name: string,
    state: QueueState,
    afterSeq: number,
    limit: number,
  ): Promise<readonly MessageView[] | null>

  replayMessage(name: string, id: string, actor: string): Promise<boolean>

  /** Sends what is due to webhooks, and returns when that is done. */
  drain(): Promise<void>

  /**
   * Announces a session that an issuer can end, before it begins. Answers how many logouts the login knows of, or null where its issuer
   * has logged it out. For a tenant that was never set up nothing is written.
   */
  expectLogin(login: ExpectedLogin): Promise<number | null>

  issuerLogout(logout: IssuerLogout): Promise<Ended | null>

  endAccount(account: string, others: readonly string[], by: ChangeContext): Promise<Ended>

  /** Puts on record that sessions of a grant are to end: of one (`session`), of an account, or all. */
  recordSessionEnd(grant: string, by: ChangeContext, detail: Record<string, string>): Promise<void>

  /** Puts on record that an event of a grant that Legiti did not take is to be sent again. */
  recordReplay(grant: string, by: ChangeContext, event: string): Promise<void>
}
