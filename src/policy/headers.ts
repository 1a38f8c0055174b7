/** The HTTP headers of a limit: draft-ietf-httpapi-ratelimit-headers-10. */

import type { Standing } from './counting.ts'
import { parseDecimal, ZERO } from './decimal.ts'

/**
 * Returns the fields `RateLimit-Policy` and `RateLimit`. Only limits that count calls are in them: the draft has no unit for sums of an
 * argument. Empty where there is none.
 */
export function rateLimitHeaders(standings: readonly Standing[]): Record<string, string> {
  const calls = standings.filter(({ unit }) => unit === 'calls')
  if (calls.length === 0) return {}
  return {
    'ratelimit-policy': calls
      .map(({ rule, max, windowMs }) => `${quoted(rule)};q=${whole(max)};w=${Math.ceil(windowMs / 1_000)}`)
      .join(', '),
    ratelimit: calls
      .map(({ rule, remaining, resetsAtMs, nowMs }) => {
        const seconds = Math.max(0, Math.ceil((resetsAtMs - nowMs) / 1_000))
        return `${quoted(rule)};r=${whole(remaining)};t=${seconds}`
      })
      .join(', '),
  }
}

/** An RFC 9651 String holds printable ASCII only; the rest is written as in a URL. */
function quoted(text: string): string {
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
