/** Notifications and answers of a client to an upstream of the other era. */

import type { Reached } from '../forward/single.ts'
import type { Message } from '../gateway/message.ts'

/** Does what the message asks for where the other era has a way to say it. */
export async function crossing(
  _at: Reached,
  _message: Extract<Message, { kind: 'notification' | 'response' }>,
): Promise<void> {}
