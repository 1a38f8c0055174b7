/** What changes in a reference server while it runs, and who wants to know. */

/** Something that a client may have listed or read before. */
export type Change =
  | { readonly kind: 'tools' }
  | { readonly kind: 'prompts' }
  | { readonly kind: 'resource'; readonly uri: string }

export const WATCHED_RESOURCE = 'test://watched-resource'

export interface World {
  /** How often the watched resource has changed. */
  readonly revision: number
  /** Whether the tool and the prompt that come and go are there. */
  readonly hasPassingTool: boolean
  readonly hasPassingPrompt: boolean
  /** How many calls have been cancelled while they ran. */
  readonly cancellations: number
  touchResource(): void
  changeTools(): void
  changePrompts(): void
  noteCancellation(): void
  /** Calls `listener` after every change, until the returned function is called. */
  onChange(listener: (change: Change) => void): () => void
}

export function newWorld(): World {
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change) => {
    for (const listener of [...listeners]) listener(change)
  }
  let revision = 0
  let cancellations = 0
  let hasPassingTool = false
  let hasPassingPrompt = false
  return {
    get revision() {
      return revision
    },
    get hasPassingTool() {
      return hasPassingTool
    },
    get hasPassingPrompt() {
      return hasPassingPrompt
    },
    get cancellations() {
      return cancellations
    },
    touchResource: () => {
      revision += 1
      tell({ kind: 'resource', uri: WATCHED_RESOURCE })
    },
    changeTools: () => {
      hasPassingTool = !hasPassingTool
      tell({ kind: 'tools' })
    },
    changePrompts: () => {
      hasPassingPrompt = !hasPassingPrompt
      tell({ kind: 'prompts' })
    },
    noteCancellation: () => {
      cancellations += 1
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
