/** The windows of limits: the ways in which time is cut. */
import { type Window, type WindowName, windowNames } from './model.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const lengthMs: Readonly<Record<WindowName, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS }

/** A sliding window is counted in so many slices (and part of one more at its edge). */
export const SLICES = 60

/** A stretch of time with an exclusive end, both in Unix milliseconds. */
export interface Stretch {
  readonly startMs: number
  readonly endMs: number
}

/** A window as documents name it: a word, or a number of seconds. */
export function windowOf(window: WindowName | number, sliding: boolean): Window {
  return { lengthMs: typeof window === 'number' ? window * SECOND_MS : lengthMs[window], sliding }
}

/**
 * The stretch of `lengthMs` that holds `nowMs`. Unix time has no leap seconds, so flooring to a multiple of the
 * length is the UTC calendar's own minute, hour and day; other lengths are counted from 1970 on.
 */
export function stretchAt(lengthMs: number, nowMs: number): Stretch {
  const startMs = Math.floor(nowMs / lengthMs) * lengthMs
  return { startMs, endMs: startMs + lengthMs }
}

/** The calendar window that holds `nowMs`. */
export function windowAt(name: WindowName, nowMs: number): Stretch {
  return stretchAt(lengthMs[name], nowMs)
}

/** Returns the length of a slice of a sliding window. */
export function sliceMs({ lengthMs }: Window): number {
  return Math.ceil(lengthMs / SLICES)
}

/** "minute", or "90 seconds": for people. */
export function describeWindow({ lengthMs: length, sliding }: Window): string {
  const name = windowNames.find((one) => lengthMs[one] === length) ?? `${length / SECOND_MS} seconds`
  return sliding ? `any ${name}` : name
}
