/**
 * Finds out whether a server speaks the session era. Only its answer to the gateway's own `initialize` counts: to a client's it may
 * object for the client's sake, and one client must not decide for all.
 */
import { isObject } from '../base/json.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { erasOf, learnEras } from './health.ts'
import type { UpstreamLink } from './link.ts'
import { serverKey } from './server-key.ts'
import { closeSession, gatewayProfile, type Opened, openSession } from './session.ts'

export type Verdict =
  | 'speaks'
  | 'other_era'
  /** HTTP 400, 404 or 405 without a word of MCP: it may also be that nobody is at home. */
  | 'perhaps_other'
  | 'unclear'

/** For so long what was found out is not asked again. */
const FRESH_MS = 10_000
const MOST_KEPT = 500
const verdicts = new Map<string, { readonly verdict: Verdict; readonly atMs: number }>()

/** Versions of the session era, as a server would name them. */
const SESSION_ERA = /^202[45]-/
const refusals: ReadonlySet<number> = new Set([400, 404, 405])

/** Reads the verdict from the answer to the gateway's own `initialize`. */
export function verdictOf(opened: Opened): Verdict {
  switch (opened.kind) {
    case 'opened':
      return 'speaks'
    case 'refused': {
      const { message, status } = opened
      if (namesVersions(message)) return namesOthers(message) ? 'other_era' : 'speaks'
      return refusals.has(status) || message.error?.code === -32_601 ? 'other_era' : 'unclear'
    }
    case 'failed':
      return isRefusal(opened) ? 'perhaps_other' : 'unclear'
  }
}

/** Tells whether it failed by an HTTP status that servers of another era have for `initialize`. */
export function isRefusal({ problem: { status } }: Extract<Opened, { kind: 'failed' }>): boolean {
  return status !== null && refusals.has(status)
}

/** `-32022` with the versions that the server speaks instead, none of the session era: that is clear from anybody. */
export function namesOthers(message: RpcMessage): boolean {
  return namesVersions(message) && !supported(message).some((version) => SESSION_ERA.test(version))
}

function namesVersions(message: RpcMessage): boolean {
  return message.error?.code === -32_022 && supported(message).length > 0
}

function supported({ error }: RpcMessage): string[] {
  const versions: unknown = isObject(error?.data) ? error.data.supported : null
  return Array.isArray(versions) ? versions.filter((version) => typeof version === 'string') : []
}

/** Asks the server for a session in the gateway's own name, and ends it. Learns what is clear. */
export async function askForSession(link: UpstreamLink, signal?: AbortSignal): Promise<Verdict> {
  const key = serverKey(link.tenant, link.config)
  const known = verdicts.get(key)
  if (known !== undefined && Date.now() - known.atMs < FRESH_MS) return known.verdict
  const opened = await openSession(link, { ...gatewayProfile }, null, signal)
  const verdict = verdictOf(opened)
  if (opened.kind === 'opened') link.waitUntil(closeSession(link, opened))
  if (verdict === 'speaks') learnEras(link, { session: true })
  if (verdict === 'other_era') learnOtherEra(link)
  if (signal?.aborted) return verdict
  if (verdicts.size >= MOST_KEPT) verdicts.clear()
  verdicts.set(key, { verdict, atMs: Date.now() })
  return verdict
}

/** The server speaks no session. One that has changed its era is asked again for the other one. */
export function learnOtherEra(link: UpstreamLink): void {
  const { session, stateless } = erasOf(link)
  learnEras(link, { session: false, ...(session === true && stateless === false ? { stateless: null } : {}) })
}
