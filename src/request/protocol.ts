/**
 * The protocol package, which is loaded when something first needs it, because its schemas take as long to make as a third of a start.
 * Requests in the form that nearly all have do without (plain-request.ts), so most isolates that only forward never load it.
 */
import type * as parts from './protocol-parts.ts'

/** The package, as far as it is used. */
export type Protocol = typeof parts

let loaded: Protocol | null = null

/** Loads it at the first call, and gives the same at every other one. */
export async function loadProtocol(): Promise<Protocol> {
  loaded ??= await import('./protocol-parts.ts')
  return loaded
}

/** Tells whether `loadedProtocol` has it. */
export function isProtocolLoaded(): boolean {
  return loaded !== null
}

/**
 * The package where nothing can be waited for.
 *
 * @throws before it was loaded, which is a mistake of the caller's
 */
export function loadedProtocol(): Protocol {
  if (loaded === null) throw new Error('the protocol package was not loaded: loadProtocol comes first')
  return loaded
}
