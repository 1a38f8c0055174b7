/** Notifications and answers of a client to an upstream of the other era. */

import type { Reached } from '../forward/single.ts'
import type { Message } from '../gateway/message.ts'
import { errorName, log } from '../log.ts'
import { exchangeObjects } from '../objects.ts'
import { rpcMessage } from '../upstream/rpc.ts'
import { objectId, ownerOf } from './exchange-call.ts'
import { type Answer, paths } from './exchange-contract.ts'
import { readQuestionId } from './names.ts'
import { cancelRunning } from './running.ts'

/**
 * Does what the message asks for where the other era has a way to say it: answers go to the request that waits for
 * them, and a cancellation ends what it cancels. A client of the stateless era cancels by hanging up.
 */
export async function crossing(
  at: Reached,
  message: Extract<Message, { kind: 'notification' | 'response' }>,
): Promise<void> {
  if (message.kind === 'response') return answered(at, message.body)
  const { method, params } = message.body
  if (message.era !== 'session' || method !== 'notifications/cancelled') return
  const { requestId: id } = (params ?? {}) as { requestId?: unknown }
  if (typeof id === 'string' || typeof id === 'number') cancelRunning(at.passage, at.upstream.name, id)
}

async function answered({ passage, link }: Reached, body: unknown): Promise<void> {
  const message = rpcMessage(body)
  const name = readQuestionId(message?.id)
  const EXCHANGE = exchangeObjects(link.env, link.tenant)
  const id = name === null ? null : objectId(EXCHANGE, name.object)
  if (message === null || name === null || id === null) return
  const answer: Answer = {
    owner: ownerOf(passage.claim),
    transport: passage.transport ?? '',
    secret: name.secret,
    index: name.index,
    message,
  }
  try {
    await EXCHANGE.get(id).fetch(`http://exchange${paths.answer}`, {
      method: 'POST',
      body: JSON.stringify(answer),
    })
  } catch (error) {
    log('warn', 'exchange.lost', { tenant: link.tenant, server: link.config.name, error: errorName(error) })
  }
}
