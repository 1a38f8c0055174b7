/** Moments as people write them. */
import * as z from 'zod/v4'

export const MOMENT = 'a moment with its zone, such as 2030-01-01T12:00:00Z'

/** ISO 8601 as RFC 3339 profiles it. Without a zone it would mean another moment on another machine. */
export const moment = z.iso.datetime({ offset: true, error: MOMENT })

/** Unix milliseconds of a moment, or null where the text is none. */
export function momentMs(text: string): number | null {
  // biome-ignore lint/style/noRestrictedGlobals: reads the text, not the clock
  return moment.safeParse(text).success ? Date.parse(text) : null
}
