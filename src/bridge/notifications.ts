/** Notifications and answers of a client to an upstream of the other era. */
import { errorName, log } from '../base/log.ts'
import { rpcMessage } from '../base/rpc.ts'
import { type Answer, paths } from '../contract/exchange.ts'
import { exchangeObjects } from '../contract/objects.ts'
import { readQuestionId } from '../eras/names.ts'
import type { Message } from '../request/message.ts'
import type { Reached } from './conversation.ts'
import { objectId, ownerOf } from './exchange-call.ts'

/**
 * Brings an answer of a session-era client to the request that waits for it. No notification exists in both eras but cancellations, which
 * are handled before (forward/pass-on.ts).
 */
export async function crossing(
  at: Reached,
  message: Extract<Message, { kind: 'notification' | 'response' }>,
): Promise<void> {
  if (message.kind === 'response') await answered(at, message.body)
}

async function answered({ context, link }: Reached, body: unknown): Promise<void> {
  const message = rpcMessage(body)
  const name = readQuestionId(message?.id)
  const EXCHANGE = exchangeObjects(link.env, link.tenant)
  const id = name === null ? null : objectId(EXCHANGE, name.object)
  if (message === null || name === null || id === null) return
  const answer: Answer = {
    owner: ownerOf(context.presented),
    transport: context.transport ?? '',
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
