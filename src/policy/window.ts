import type { WindowName } from './model.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const lengthMs: Readonly<Record<WindowName, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS }

/** A stretch of time with an exclusive end, both in Unix milliseconds. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/**
 * The window that holds `nowMs`. Unix time has no leap seconds, so flooring to a multiple of the length is
 * the UTC calendar's own minute, hour and day.
 */
export function windowAt(name: WindowName, nowMs: number): Window {
  const length = lengthMs[name]
  const startMs = Math.floor(nowMs / length) * length
  return { startMs, endMs: startMs + length }
}
