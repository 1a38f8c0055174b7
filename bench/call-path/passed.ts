/**
 * The two numbers of a call: how many files it passes, and how often it comes back up. PURE.
 *
 * - The way of the call: the functions that control comes into between the request's arrival and the answer's, each with the
 *   function that it was called from, also across `await`.
 * - A file is **passed** where one of its functions, on that way, calls into another file: whoever follows the call has to go
 *   through it. A file that only answers its caller is **asked**: it can be taken at its word. To call into `base/`, which
 *   knows nothing of the product, counts for nothing.
 * - The call **comes back up** where a function calls into another file that is waiting for it: one from which control has come to
 *   this function, and to which it has not yet returned. A callback does that; to return does not. Each time counts.
 *
 * An object is another program, which the call reaches by one message: its part is counted by itself.
 */
import type { Entered } from './worker/recorder.ts'

export interface CallPath {
  /** In the order in which the call first enters them. */
  readonly passed: readonly string[]
  /** The others, likewise. */
  readonly asked: readonly string[]
  /** From which file to which function. */
  readonly comesBackUp: readonly { readonly from: string; readonly to: string }[]
}

/** Where a part of the call begins: the first function that the runtime calls. */
export type Part = 'worker' | 'principal'

const beginnings: Readonly<Record<Part, string>> = { worker: 'app.ts', principal: 'principal/object.ts' }

/** Counts one part of a call. */
export function callPath(entered: readonly Entered[], part: Part): CallPath {
  const files = new Set<string>()
  const through = new Set<string>()
  const comesBackUp: { from: string; to: string }[] = []
  for (const here of entered) {
    const { callers, beginning } = wayTo(entered, here)
    if (beginning !== beginnings[part]) continue
    files.add(here.file)
    const [from, ...above] = callers
    if (from === undefined || from === here.file) continue
    if (!here.file.startsWith('base/')) through.add(from)
    if (above.includes(here.file)) comesBackUp.push({ from, to: `${here.file} ${here.name}` })
  }
  return {
    passed: [...files].filter((file) => through.has(file)),
    asked: [...files].filter((file) => !through.has(file)),
    comesBackUp,
  }
}

/** The files that wait for a function, the nearest first, and that of the function that the runtime has called. */
function wayTo(entered: readonly Entered[], { file, caller }: Entered) {
  const callers: string[] = []
  for (let at = caller; at !== null; ) {
    const one = entered[at]
    if (one === undefined) throw new Error(`the caller of ${file} is ${at}, which is not in the list`)
    callers.push(one.file)
    at = one.caller
  }
  return { callers, beginning: callers.at(-1) ?? file }
}
