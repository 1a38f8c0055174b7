/** The HTTP headers of a limit: draft-ietf-httpapi-ratelimit-headers-10. */

import type { Standing } from './counting.ts'
import { parseDecimal, ZERO } from './decimal.ts'

/**
 * Returns the fields `RateLimit-Policy` and `RateLimit`. Only limits that count calls are in them: the draft has no unit for sums of an
 * argument. Empty where there is none.
 */
export function rateLimitHeaders(standings: readonly Standing[]): Record<string, string> {
  let policy = ''
  let state = ''
  for (const { unit, rule, max, windowMs, remaining, resetsAtMs, nowMs } of standings) {
    if (unit !== 'calls') continue
    const name = quoted(rule)
    const seconds = Math.max(0, Math.ceil((resetsAtMs - nowMs) / 1_000))
    const separator = policy === '' ? '' : ', '
    policy += `${separator}${name};q=${whole(max)};w=${Math.ceil(windowMs / 1_000)}`
    state += `${separator}${name};r=${whole(remaining)};t=${seconds}`
  }
  return policy === '' ? {} : { 'ratelimit-policy': policy, ratelimit: state }
}

/** Rules as they were quoted: a policy has few, and each call names some. */
const names = new Map<string, string>()
const MOST_NAMES = 1_000

function quoted(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= MOST_NAMES) names.clear()
  const name = quote(text)
  names.set(text, name)
  return name
}

/** An RFC 9651 String holds printable ASCII only; the rest is written as in a URL. */
function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()))
  return `"${ascii.replaceAll(/["\\]/g, '\\$&')}"`
}

/** An RFC 9651 Integer has at most fifteen digits. */
const LARGEST = 999_999_999_999_999n

function whole(text: string): string {
  if (/^\d{1,15}$/.test(text)) return text
  const { units, scale } = parseDecimal(text) ?? ZERO
  const integer = units / 10n ** BigInt(scale)
  return String(integer > LARGEST ? LARGEST : integer)
}
