/** How something stands that waits to be sent: an event for Legiti, a message to a webhook. PURE. */
export const queueStates = ['pending', 'dead', 'delivered'] as const

export type QueueState = (typeof queueStates)[number]
