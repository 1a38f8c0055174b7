/**
 * The configuration of one grant: policy, identity providers, session times, servers. Immutable and versioned: a change makes a new
 * version, and the version travels with every request (design: one hop).
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { shortDigest } from '../base/sha256.ts'
import { nativeServerNames } from '../names/native-servers.ts'
import { object } from '../policy/fragments.ts'
import { problemsOf } from '../policy/issues.ts'
import { type KnownTools, nothingKnown } from '../policy/known-tools.ts'
import { loadPolicy, loadPolicyText } from '../policy/load.ts'
import { describeProblem } from '../policy/problem.ts'
import { readText } from '../policy/text.ts'
import { APPROVAL_SECONDS } from './approvals.ts'
import { identitySettings } from './identity.ts'
import { sessionModes } from './session-mode.ts'
import type { UpstreamConfig } from './upstream.ts'

const MAX_SESSION_SECONDS = 30 * 24 * 3600
export const DEFAULT_RETENTION_DAYS = 400
const MAX_APPROVAL_SECONDS = 7 * 24 * 3600

const common = lazy(() => ({
  identity: identitySettings(),
  sessions: object({
    /** A session that is not used for so long ends. */
    idle_seconds: z.int().min(1).max(MAX_SESSION_SECONDS).default(1_800),
    /** A session ends so long after it began, used or not. */
    absolute_seconds: z.int().min(1).max(MAX_SESSION_SECONDS).default(43_200),
  }).prefault({}),
  approvals: object({
    /** A call that a person must approve waits so long for it, and may be made so long. */
    expires_seconds: z.int().min(60).max(MAX_APPROVAL_SECONDS).default(APPROVAL_SECONDS),
  }).prefault({}),
}))

/** The application of Cloudflare Access that stands before this tenant's administration. */
const accessApplication = lazy(() =>
  object({
    /** Its keys are fetched from there: a name of Access, so that it leads nowhere else. */
    team_domain: z
      .string()
      .regex(
        /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.cloudflareaccess\.com$/,
        'a team domain, such as acme.cloudflareaccess.com',
      ),
    /** At least one must be among the assertion's `aud`: the application's audience tag. */
    audience: z.array(z.string().min(1).max(512)).min(1).max(16),
  }),
)

const settingsSchema = lazy(() =>
  object({
    ...common(),
    servers: z.array(z.enum(nativeServerNames)).default([...nativeServerNames]),
    /** The rule for the login of requests that name none. Configurations from before there was a choice have none. */
    session_mode: z.enum(sessionModes).optional(),
  }),
)

/** The settings that a tenant's administrator makes for all of its grants; the servers are each grant's own. */
export const tenantDocument = lazy(() =>
  object({
    ...common(),
    audit: object({
      /** The days for which audit rows are kept after the event. */
      retention_days: z.int().min(1).max(3_650).default(DEFAULT_RETENTION_DAYS),
    }).prefault({}),
    /** Replaces the deployment's; null: the deployment's counts. */
    access: accessApplication().nullable().default(null),
  }),
)

/** Returns how long audit rows are kept. Settings from before there was an audit database do not have it. */
export function retentionDays(settings: TenantDocument): number {
  const { audit } = settings as Partial<TenantDocument>
  return audit?.retention_days ?? DEFAULT_RETENTION_DAYS
}

export type TenantSettings = z.infer<ReturnType<typeof settingsSchema>>
export type TenantDocument = z.infer<ReturnType<typeof tenantDocument>>
export type AccessApplication = z.infer<ReturnType<typeof accessApplication>>

export interface TenantConfig {
  /** Names exactly this content: a digest of it. */
  readonly version: string
  readonly settings: TenantSettings
  /** The policy, parsed but otherwise as its author wrote it, or null for none (which denies everything). */
  readonly policy: unknown
  /** The upstream servers that the grant reaches, by name. Configurations from before there were any have none. */
  readonly upstreams: readonly UpstreamConfig[]
  /** The tenant is suspended: nothing of it is served. */
  readonly suspended?: true
  /** Present on the demo's built-in grant where its tenant has settings, so that its file does not count. */
  readonly settingsOf?: 'tenant'
}

/** The result of a check: a configuration with warnings for its author, or all problems. */
export type Checked =
  | { readonly ok: true; readonly config: TenantConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Checks settings and policy and gives them their version. Nothing that does not load is ever stored.
 *
 * @param knownTools the tools that there are: what the policy asks of tools or arguments that none of them has is
 *   warned of
 */
export async function checkConfig(
  settings: unknown,
  policy: unknown,
  knownTools: KnownTools = nothingKnown,
  upstreams: readonly UpstreamConfig[] = [],
): Promise<Checked> {
  const parsed = settingsSchema().safeParse(settings)
  if (!parsed.success) {
    const problems = problemsOf(parsed.error.issues, settings).map(describeProblem)
    return { ok: false, problems: problems.map((problem) => `invalid tenant settings: ${problem}`) }
  }
  const loaded =
    policy === null
      ? null
      : typeof policy === 'string'
        ? loadPolicyText(policy, knownTools)
        : loadPolicy(policy, knownTools)
  if (loaded !== null && !loaded.ok) {
    return {
      ok: false,
      problems: loaded.problems.map((problem) => `invalid policy: ${describeProblem(problem)}`),
    }
  }
  // Text is read here, once: not again by every isolate that decides with it.
  const document = typeof policy === 'string' ? readText(policy).value : policy
  const config = await versioned(parsed.data, document, upstreams)
  return { ok: true, config, warnings: (loaded?.warnings ?? []).map(describeProblem) }
}

/** Gives what has been checked its version. */
export async function versioned(
  settings: TenantSettings,
  policy: unknown,
  upstreams: readonly UpstreamConfig[],
): Promise<TenantConfig> {
  const sorted = upstreams.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const version = await shortDigest(JSON.stringify([settings, policy, sorted]))
  return { version, settings, policy, upstreams: sorted }
}

/** The same for callers that have no use for a refusal: throws an Error that lists every problem. */
export async function tenantConfig(
  settings: unknown,
  policy: unknown,
  upstreams: readonly UpstreamConfig[] = [],
): Promise<TenantConfig> {
  const checked = await checkConfig(settings, policy, nothingKnown, upstreams)
  if (!checked.ok) throw new Error(checked.problems.join('; '))
  return checked.config
}
