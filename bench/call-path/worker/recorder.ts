/** Hears the probes (../probes.ts). One call at a time: whatever runs is then on the way of that one call. */

/** A function that control has come into. */
export interface Entered {
  readonly file: string
  readonly name: string
  /** Where it was called from, by place in the list; null for what the runtime has called. */
  readonly caller: number | null
}

interface Frame {
  readonly index: number
  readonly caller: Frame | null
  isSuspended: boolean
}

let current: Frame | null = null
let entered: Entered[] = []

/** All since it was last asked. */
export function takeEntered(): readonly Entered[] {
  const taken = entered
  entered = []
  return taken
}

export function enter(file: string, name: string): Frame {
  entered.push({ file, name, caller: current?.index ?? null })
  const frame = { index: entered.length - 1, caller: current, isSuspended: false }
  current = frame
  return frame
}

/** An `await` has begun: up to the first one, control goes back to where the function was called from. */
export function suspend<T>(frame: Frame, awaited: T): T {
  leave(frame)
  frame.isSuspended = true
  return awaited
}

/** An `await` is over. */
export function resume<T>(frame: Frame, value?: T): T {
  current = frame
  return value as T
}

export function leave(frame: Frame): void {
  current = frame.isSuspended ? null : frame.caller
}
