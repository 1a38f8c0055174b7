/** An upstream server as one request may use it: its configuration, its credentials opened, and who waits. */
import { hopsOnward } from '../base/hops.ts'
import { errorName, log } from '../base/log.ts'
import type { Env } from '../contract/env.ts'
import type { UpstreamConfig, UpstreamProblem } from '../contract/upstream.ts'
import { openHeaders } from './credentials.ts'
import { problemOf } from './problem.ts'

export interface UpstreamLink {
  readonly env: Env
  readonly tenant: string
  readonly config: UpstreamConfig
  /** The configured headers, opened. Never logged, never shown. */
  readonly credentials: Readonly<Record<string, string>>
  readonly waitUntil: (work: Promise<unknown>) => void
  /** Takes so many bytes of an answer, or answers false where there is no room for them. Absent: where it is not held. */
  readonly room?: (bytes: number) => boolean
  /** The gateways that the request has come through, this one included, for the header of that name; '': it began here. */
  readonly hops: string
}

/** Configurations are immutable, so what was opened once stays right for as long as the isolate keeps the configuration. */
const opened = new WeakMap<UpstreamConfig, Readonly<Record<string, string>>>()

/** A server as a client's request may use it. */
export function linkFor(
  asked: {
    readonly env: Env
    readonly execution: Pick<ExecutionContext, 'waitUntil'>
    readonly http: Request
  },
  tenant: string,
  upstream: UpstreamConfig,
): Promise<UpstreamLink | UpstreamProblem> {
  const { env, execution, http } = asked
  return linkTo(env, {
    tenant,
    config: upstream,
    waitUntil: (work) => execution.waitUntil(work),
    hops: hopsOnward(http),
  })
}

/** Opens what is sealed. */
export async function linkTo(
  env: Env,
  {
    tenant,
    config,
    waitUntil,
    hops,
  }: {
    readonly tenant: string
    readonly config: UpstreamConfig
    readonly waitUntil: UpstreamLink['waitUntil']
    readonly hops: string
  },
): Promise<UpstreamLink | UpstreamProblem> {
  try {
    const credentials = opened.get(config) ?? (await openHeaders(env, tenant, config))
    opened.set(config, credentials)
    return { env, tenant, config, credentials, waitUntil, hops }
  } catch (error) {
    log('error', 'upstream.credentials_unreadable', { tenant, server: config.name, error: errorName(error) })
    const message = 'could not be asked: its credentials cannot be opened; the operator knows why'
    return problemOf('misconfigured', message, { isUndone: true })
  }
}
