/**
 * Names by which a client finds back to an exchange: `requestState` of a call that waits for input, and ids of questions. Each names an
 * object and a secret that only its client has; a state also the request that began the call, so that the Worker can ask the principal
 * about it first. The exchange accepts no other request. PURE.
 */

/** The whole prefix is ours: an upstream that makes such states itself is not understood. */
const STATE = /^gatehouse1\.([0-9a-f]{64})\.([\w-]{32})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/
const QUESTION = /^gatehouse1\.([0-9a-f]{64})\.([\w-]{32})\.(0|[1-9]\d{0,2})$/

/** 192 bits, as base64url. */
export const SECRET_BYTES = 24

export interface ExchangeName {
  /** The id of the Durable Object, as hex. */
  readonly object: string
  readonly secret: string
}

export interface CallState extends ExchangeName {
  /** Id of the request that began the call. */
  readonly begunBy: string
}

export function requestStateOf({ object, secret, begunBy }: CallState): string {
  return `gatehouse1.${object}.${secret}.${begunBy}`
}

/** Tells whether a state claims to be ours, whatever it is worth. */
export function isOurState(state: unknown): state is string {
  return typeof state === 'string' && state.startsWith('gatehouse1.')
}

export function readRequestState(state: string): CallState | null {
  const [, object, secret, begunBy] = STATE.exec(state) ?? []
  if (object === undefined || secret === undefined || begunBy === undefined) return null
  return { object, secret, begunBy }
}

export function questionId({ object, secret }: ExchangeName, index: number): string {
  return `gatehouse1.${object}.${secret}.${index}`
}

export function readQuestionId(id: unknown): (ExchangeName & { readonly index: number }) | null {
  const [, object, secret, index] = (typeof id === 'string' ? QUESTION.exec(id) : null) ?? []
  if (object === undefined || secret === undefined || index === undefined) return null
  return { object, secret, index: Number(index) }
}
