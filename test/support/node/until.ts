import { setTimeout as wait } from 'node:timers/promises'
import { PATIENCE } from './patience.ts'

const LOOK_EVERY_MS = 20

/**
 * Waits until `condition` holds, at most `timeoutMs` and PATIENCE times that on a slow machine; then it throws, naming `what` did not happen.
 * @param what a text, or what makes one when it is needed: it can say how things stand then
 */
export async function until(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs * PATIENCE
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs * PATIENCE} ms: ${typeof what === 'string' ? what : what()}`)
    await wait(LOOK_EVERY_MS)
  }
}
