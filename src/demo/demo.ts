/**
 * The demo tenant: one grant with a published token, for `wrangler dev` alone. It exists only while the
 * variable DEMO is "true", and only for requests that were made to this very machine.
 */
import { log } from '../base/log.ts'
import { sha256 } from '../base/sha256.ts'
import {
  checkConfig,
  type TenantConfig,
  type TenantSettings,
  tenantConfig,
  versioned,
} from '../contract/config.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { type KnownTools, nothingKnown } from '../policy/known-tools.ts'
import policy from './policy.json' with { type: 'json' }
import settings from './tenant.json' with { type: 'json' }
import { DEMO_SECRET } from './token.ts'

export const DEMO_LABEL = 'Demo agent'

interface DemoState {
  readonly config: TenantConfig
  /** The problem with the two files, or null. */
  readonly problem: string | null
}

let state: Promise<DemoState> | undefined

let knownTools: () => KnownTools = () => nothingKnown

/** Says which tools there are, so that the demo's policy is warned of others. Call it before the first request. */
export function checkDemoAgainst(tools: () => KnownTools): void {
  knownTools = tools
}

/** Configurations by the list that they were made of, which is the same object for as long as it is in memory. */
const composed = new WeakMap<object, { readonly of: unknown; readonly config: Promise<TenantConfig> }>()

/**
 * The demo's configuration: settings and policy from the two files beside this one, whose editing restarts
 * `wrangler dev`, and the upstream servers that were registered. Made once for each list of them.
 *
 * @param own settings that the tenant has said, in place of the file's
 */
export async function demoConfig(
  upstreams: readonly UpstreamConfig[] = [],
  own: TenantSettings | null = null,
): Promise<TenantConfig> {
  state ??= readDemo()
  const { config } = await state
  if (upstreams.length === 0 && own === null) return config
  const [key, of] = own === null ? [upstreams, null] : [own, upstreams]
  let made = composed.get(key)
  if (made === undefined || made.of !== of) {
    made = { of, config: versioned(own ?? config.settings, config.policy, upstreams) }
    composed.set(key, made)
  }
  return made.config
}

/** Parts of a tenant's settings that its grants go by. */
const GRANTS_PARTS = ['identity', 'sessions', 'approvals'] as const

/**
 * Completes a document of the demo's tenant with the values of the file.
 *
 * @param written the document as it was written, which has been validated
 * @returns `isSaid`: it sets something that grants go by
 */
export function demoDocument(written: unknown): { readonly document: unknown; readonly isSaid: boolean } {
  const said = written as Readonly<Record<string, object | undefined>>
  const file: Readonly<Record<string, object | undefined>> = settings
  const parts = GRANTS_PARTS.map((part) => [part, { ...file[part], ...said[part] }] as const)
  const isSaid = GRANTS_PARTS.some((part) => Object.keys(said[part] ?? {}).length > 0)
  return { document: { ...said, ...Object.fromEntries(parts) }, isSaid }
}

/** Returns the problem that keeps the two files from being used, for the person who edits them; null where there is none. */
export async function demoProblem(): Promise<string | null> {
  state ??= readDemo()
  return (await state).problem
}

/** Files that do not load deny everything, and the log says why; so do its warnings. */
async function readDemo(): Promise<DemoState> {
  const checked = await checkConfig(settings, policy, knownTools())
  if (checked.ok) {
    for (const warning of checked.warnings) log('warn', 'demo.policy_warning', { warning })
    return { config: checked.config, problem: null }
  }
  const problem = checked.problems.join('; ')
  log('error', 'demo.refused', { problem })
  return { config: await tenantConfig({}, null), problem }
}

/** SHA-256 of the demo token's secret part. */
export async function demoSecretHash(): Promise<Uint8Array> {
  return sha256(DEMO_SECRET)
}
