/** Passes on what is not answered: a client's notifications, and its answers to requests of the server. */

import { sessionAmong } from '../bridge/mark.ts'
import { crossing } from '../bridge/notifications.ts'
import type { Message } from '../gateway/message.ts'
import { log } from '../log.ts'
import { notify } from '../upstream/session.ts'
import type { Reached } from './single.ts'

/** Answers 202 (MCP, transports): whether it arrived is not the client's concern, as with any notification. */
export async function tell(
  at: Reached,
  message: Extract<Message, { kind: 'notification' | 'response' }>,
): Promise<Response> {
  const accepted = new Response(null, { status: 202 })
  const { link, admitted, passage } = at
  const session = sessionAmong(admitted.upstream)
  // Without a session in the upstream's own era there is nobody who would understand.
  if (session === null || at.client.era !== 'session') {
    await crossing(at, message)
    return accepted
  }
  const problem = await notify(link, session, message.body, passage.http.headers)
  if (problem !== null) {
    log('warn', 'upstream.message_lost', {
      tenant: link.tenant,
      server: link.config.name,
      failure: problem.failure,
    })
  }
  return accepted
}
