/** Moments and lengths of time as people write them. PURE. */
import * as z from 'zod/v4'

export const MOMENT = 'a moment with its zone, such as 2030-01-01T12:00:00Z'

/** ISO 8601 as RFC 3339 profiles it. Without a zone it would mean another moment on another machine. */
export const moment = z.iso.datetime({ offset: true, error: MOMENT })

/** Unix milliseconds of a moment, or null where the text is none. */
export function momentMs(text: string): number | null {
  // biome-ignore lint/style/noRestrictedGlobals: reads the text, not the clock
  return moment.safeParse(text).success ? Date.parse(text) : null
}

export const DURATION = 'a length of time, such as 90s, 15m, 1h30m, 7d or 2w'

const unitSeconds: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 }

/** A century: longer is a slip of the finger, and would leave the range of dates. */
const LONGEST_SECONDS = 100 * 366 * 86_400

/** Seconds of `1h30m`, the larger unit first and each at most once; null where the text is none. */
export function durationSeconds(text: string): number | null {
  const parts = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(text)
  if (text === '' || parts === null) return null
  const seconds = Object.values(unitSeconds).reduce(
    (sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0),
    0,
  )
  return seconds > LONGEST_SECONDS ? null : seconds
}

/** A length of time counts back from now, or on from now. */
export type Direction = 'ago' | 'from now'

/** Names the spellings of a moment that may be given relative to now. */
export function momentAllowed(direction: Direction): string {
  return `${MOMENT}; "now"; or ${DURATION} (${direction})`
}

/**
 * Unix milliseconds of a moment that may be said relative to now: `now`, `1h`, or the moment itself.
 *
 * @returns null where the text is none of them
 */
export function relativeMs(text: string, nowMs: number, direction: Direction): number | null {
  if (text === 'now') return nowMs
  const seconds = durationSeconds(text)
  if (seconds === null) return momentMs(text)
  return nowMs + (direction === 'ago' ? -1_000 : 1_000) * seconds
}
