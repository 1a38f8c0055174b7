/** Messages of a server outside of a call's own stream, for as long as the call needs them. */
import type { RpcMessage } from '../base/rpc.ts'
import { type Attend, type AttendLine, type Begin, paths } from '../contract/exchange.ts'
import { exchangeObjects } from '../contract/objects.ts'
import { LineReader } from '../upstream/lines.ts'
import type { UpstreamLink } from '../upstream/link.ts'

/** The time that a call waits until the server can be heard outside of its own stream. */
const READY_MS = 1_000

/**
 * Listens until `signal` aborts. Settles once messages can be received, or after a moment: a server drops a question without a
 * listener, and waits for the answer all the same.
 */
export async function listenAside(
  link: UpstreamLink,
  { session, tenant, config, owner }: Begin,
  signal: AbortSignal,
  take: (message: RpcMessage) => void,
): Promise<void> {
  if (session.id === null) return
  const name = JSON.stringify(['attendance', owner, config.name, config.url, session.id])
  const attend: Attend = { tenant, config, session, hops: link.hops }
  const { promise: isReady, resolve: ready } = Promise.withResolvers<void>()
  const listen = async () => {
    const response = await exchangeObjects(link.env, link.tenant)
      .getByName(name)
      .fetch(`http://exchange${paths.attend}`, { method: 'POST', body: JSON.stringify(attend), signal })
    if (response.body === null) return
    const reader = new LineReader<AttendLine>(response.body)
    signal.addEventListener('abort', () => reader.cancel())
    for (let line = await reader.next(); line !== null; line = await reader.next()) {
      if (line.kind === 'ready') ready()
      else if (line.kind === 'said') take(line.message)
    }
  }
  // The call is made even where the stream does not open.
  link.waitUntil(listen().then(ready, ready))
  const timer = setTimeout(ready, READY_MS)
  await isReady
  clearTimeout(timer)
}
