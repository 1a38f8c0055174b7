/**
 * The memory of this isolate: for a token that was good, which configuration was current; and the compiled configurations themselves,
 * which never change once they have a version. Never an authority: the principal checks the token and the version of every request.
 */
import { type CompiledConfig, compile } from '../contract/compiled.ts'
import type { TenantConfig } from '../contract/config.ts'

const MOST_TOKENS = 10_000
const MOST_CONFIGS = 500

const versionByToken = new Map<string, string>()
const configByVersion = new Map<string, CompiledConfig>()

/** The configuration last seen with this token, or undefined in an isolate that has not met it yet. */
export function known(tokenKey: string): CompiledConfig | undefined {
  const version = versionByToken.get(tokenKey)
  return version === undefined ? undefined : configByVersion.get(version)
}

/** Remembers what a principal said is current. */
export function remember(tokenKey: string, config: TenantConfig): void {
  if (!configByVersion.has(config.version))
    put(configByVersion, config.version, compile(config), MOST_CONFIGS)
  put(versionByToken, tokenKey, config.version, MOST_TOKENS)
}

/** The caller, as far as policies ask. */
export interface Caller {
  readonly account: string | null
  readonly label: string
}

const callers = new Map<string, Caller>()
/** Nobody in particular. */
export const NOBODY: Caller = { account: null, label: '' }

/** Returns the last caller behind a token, on this transport or by this handle; a guess, which the principal puts right. */
export function knownCaller(tokenKey: string, where: Where): Caller {
  return callers.get(keyOf(tokenKey, where)) ?? NOBODY
}

export function rememberCaller(tokenKey: string, where: Where, caller: Caller): void {
  put(callers, keyOf(tokenKey, where), caller, MOST_TOKENS)
}

/** The request's own signs of its owner. */
interface Where {
  readonly transport: string | null
  readonly handle: string | null
}

function keyOf(tokenKey: string, { transport, handle }: Where): string {
  return JSON.stringify([tokenKey, transport, handle])
}

/** Forgets a token that has turned out not to be good. */
export function forget(tokenKey: string): void {
  versionByToken.delete(tokenKey)
}

/** Adds to a map that drops its oldest entry when it is full. */
function put<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key)
  if (map.size >= most) {
    const oldest = map.keys().next().value
    if (oldest !== undefined) map.delete(oldest)
  }
  map.set(key, value)
}
