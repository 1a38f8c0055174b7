/** Opens a session in a client's name and, where the server does not want to, finds out whether it has any. */
import type { RpcMessage } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { discover } from './discover.ts'
import { learnEras } from './health.ts'
import type { UpstreamLink } from './link.ts'
import { problemOf } from './problem.ts'
import { type Opened, openSession } from './session.ts'
import { askForSession, isRefusal, learnOtherEra, namesOthers } from './session-era.ts'

export type Judged =
  | Extract<Opened, { kind: 'opened' | 'failed' }>
  /** The server has sessions; that it gives this client none is its answer to that client. */
  | { readonly kind: 'refused'; readonly message: RpcMessage }
  /** It answered with this, and nobody knows whether it has sessions. */
  | { readonly kind: 'unclear'; readonly message: RpcMessage }
  | { readonly kind: 'other_era' }

/** Initializes a session for a client. Learns which era the server speaks as far as that is clear. */
export async function openForClient(
  link: UpstreamLink,
  params: Readonly<Record<string, unknown>>,
  client: Headers | null,
  signal?: AbortSignal,
): Promise<Judged> {
  const opened = await openSession(link, params, client, signal)
  if (opened.kind === 'opened') {
    learnEras(link, { session: true }, { protocolVersion: opened.protocolVersion })
    return opened
  }
  if (opened.kind === 'failed' && !isRefusal(opened)) return opened
  if (opened.kind === 'refused' && namesOthers(opened.message)) {
    learnOtherEra(link)
    return { kind: 'other_era' }
  }
  const verdict = await askForSession(link, signal)
  if (verdict === 'other_era') return { kind: 'other_era' }
  if (verdict === 'perhaps_other' && (await discover(link, signal)).kind === 'discovered') {
    learnOtherEra(link)
    return { kind: 'other_era' }
  }
  if (opened.kind === 'failed') return opened
  return { kind: verdict === 'speaks' ? 'refused' : 'unclear', message: opened.message }
}

/** The problem that a server gives no session, where the client did not ask for one itself. */
export function sessionRefused({ error }: RpcMessage): UpstreamProblem {
  return problemOf('not_mcp', `refused to open a session (${error?.code})`, { isUndone: true })
}
