/** Times for people. PURE. */
import { type Html, html } from './html.ts'

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** When it was or will be, by the clock and from now. Unix milliseconds. */
export function time(ms: number, nowMs: number): Html {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time> (${fromNow(ms, nowMs)})`
}

/** `in 14 minutes`, `2 hours ago`: rounded down. */
export function fromNow(ms: number, nowMs: number): string {
  const seconds = Math.floor(Math.abs(ms - nowMs) / 1_000)
  const [name, length] = units.find(([, most]) => seconds >= most) ?? ['second', 1]
  const n = Math.floor(seconds / length)
  if (n === 0) return 'now'
  const span = `${n} ${name}${n === 1 ? '' : 's'}`
  return ms > nowMs ? `in ${span}` : `${span} ago`
}
