/** An upstream server as one request may use it: its configuration, its credentials opened, and who waits. */
import type { Env } from '../env.ts'
import { open as openSecret, secretKeys } from '../secrets/seal.ts'
import type { UpstreamConfig } from './config.ts'
import { problemOf, type UpstreamProblem } from './problem.ts'

export interface UpstreamLink {
  readonly env: Env
  readonly tenant: string
  readonly config: UpstreamConfig
  /** The configured headers, opened. Never logged, never shown. */
  readonly credentials: Readonly<Record<string, string>>
  readonly waitUntil: (work: Promise<unknown>) => void
}

const noCredentials: Readonly<Record<string, string>> = {}
/** Configurations are immutable, so what was opened once stays right for as long as the isolate keeps the configuration. */
const opened = new WeakMap<UpstreamConfig, Readonly<Record<string, string>>>()

/** Opens what is sealed. */
export async function linkTo(
  env: Env,
  tenant: string,
  config: UpstreamConfig,
  waitUntil: UpstreamLink['waitUntil'],
): Promise<UpstreamLink | UpstreamProblem> {
  const credentials = opened.get(config) ?? (await openAll(env, tenant, config))
  if (credentials === null) {
    const message = 'could not be asked: its credentials cannot be opened; the operator knows why'
    return problemOf('misconfigured', message, { isUndone: true })
  }
  return { env, tenant, config, credentials, waitUntil }
}

async function openAll(
  env: Env,
  tenant: string,
  config: UpstreamConfig,
): Promise<Readonly<Record<string, string>> | null> {
  const names = Object.keys(config.headers)
  if (names.length === 0) return noCredentials
  const keys = await secretKeys(env)
  if (keys === null) return null
  try {
    const entries = await Promise.all(
      Object.entries(config.headers).map(
        async ([name, sealed]) =>
          [name, await openSecret(keys, sealed, `${tenant}/${config.name}/${name}`)] as const,
      ),
    )
    const credentials = Object.fromEntries(entries)
    opened.set(config, credentials)
    return credentials
  } catch {
    return null
  }
}
