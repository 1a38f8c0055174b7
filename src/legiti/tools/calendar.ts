/**
 * Calendar arithmetic on plain numbers, for the pure files, which may not touch `Date`
 * (biome.json): the same constructor that parses a date also reads the clock.
 *
 * PURE: no I/O, no clock, no randomness.
 */

const SECONDS_A_DAY = 86_400
const DAYS_IN_400_YEARS = 146_097
const DAYS_FROM_0000_03_01_TO_1970_01_01 = 719_468

/** A moment in UTC, in the units of a wall clock: `month` 1..12, `day` 1..31, `second` 0..60. */
export interface UtcTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}

/**
 * Unix seconds of a moment in UTC (proleptic Gregorian calendar), or null when there is no such moment,
 * as on 30 February. Second 60 is a leap second, which Unix time counts as the first of the next minute.
 */
export function unixSecondsOf(time: UtcTime): number | null {
  const { year, month, day, hour, minute, second } = time
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null
  if (hour > 23 || minute > 59 || second > 60) return null
  // Years start in March here, so that the leap day is the last day of its year.
  const marchYear = month > 2 ? year : year - 1
  const monthsSinceMarch = (month + 9) % 12
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * monthsSinceMarch + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  const days = era * DAYS_IN_400_YEARS + dayOfEra - DAYS_FROM_0000_03_01_TO_1970_01_01
  return days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second
}

const ISO_8601 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/**
 * Unix seconds of an ISO 8601 / RFC 3339 date-time that carries its offset (`Z`, `-03:00`); fractions of a
 * second are dropped. Null when the text is anything else: a time without an offset names no moment.
 */
export function unixSecondsOfIso(text: string): number | null {
  const match = ISO_8601.exec(text)
  if (match === null) return null
  const [, year, month, day, hour, minute, second, sign, offsetHours, offsetMinutes] = match
  const asIfUtc = unixSecondsOf({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  })
  if (asIfUtc === null) return null
  const offset = Number(offsetHours ?? 0) * 3600 + Number(offsetMinutes ?? 0) * 60
  return sign === '-' ? asIfUtc + offset : asIfUtc - offset
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
