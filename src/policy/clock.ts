/** The time on a wall clock in some place of the world, at a moment that is passed in. */

export const weekdays = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
] as const
export type Weekday = (typeof weekdays)[number]

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-01 was a Thursday. */
const EPOCH_WEEKDAY = 4

export interface WallTime {
  /** 0 to 23. */
  readonly hour: number
  readonly weekday: Weekday
}

/** Tells the wall time of a zone at `nowMs` (Unix milliseconds). */
export type Clock = (nowMs: number) => WallTime

/** The clock of an IANA time zone such as `America/Sao_Paulo`, or null where there is no such zone. */
export function clockOf(zone: string): Clock | null {
  if (zone === 'UTC') return utc
  // Offsets such as "+03:00" are accepted by some engines and not by others, so only names are.
  if (!/^[A-Za-z]/.test(zone)) return null
  try {
    return clockFrom(
      new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        weekday: 'long',
        hour: 'numeric',
        hourCycle: 'h23',
      }),
    )
  } catch {
    return null
  }
}

/** Every zone's name, to find the one that was meant. */
export function zoneNames(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')]
}

function utc(nowMs: number): WallTime {
  const day = Math.floor(nowMs / DAY_MS)
  return {
    hour: Math.floor((nowMs - day * DAY_MS) / HOUR_MS),
    weekday: weekdays[(((day + EPOCH_WEEKDAY) % 7) + 7) % 7] as Weekday,
  }
}

function clockFrom(format: Intl.DateTimeFormat): Clock {
  return (nowMs) => {
    const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]))
    return {
      hour: Number(parts.get('hour')),
      weekday: String(parts.get('weekday')).toLowerCase() as Weekday,
    }
  }
}
