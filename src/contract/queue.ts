/** The states of a queued event for Legiti, and of a message to a webhook. PURE. */
export const queueStates = ['pending', 'dead', 'delivered'] as const

export type QueueState = (typeof queueStates)[number]
