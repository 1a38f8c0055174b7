/** Results for the agent of a call that was not let through. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Limited, Standing } from '../policy/counting.ts'
import { jsonNumber } from '../policy/decimal.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import { DEAD_HANDLE } from '../request/session-handle.ts'
import { failure } from '../servers/kit/result.ts'

export function limitedHeaders(limited: Limited): Record<string, string> {
  return {
    ...rateLimitHeaders([limited]),
    ...(limited.canRetry ? { 'retry-after': String(secondsUntilReset(limited)) } : {}),
  }
}

function secondsUntilReset({ resetsAtMs, nowMs }: Standing): number {
  return Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1_000))
}

export function limitedResult(limited: Limited): CallToolResult {
  const {
    rule,
    message,
    counter,
    window,
    scope,
    unit,
    strict,
    max,
    remaining,
    amount,
    resetsAtMs,
    canRetry,
  } = limited
  const seconds = secondsUntilReset(limited)
  const resetsAt = new Date(resetsAtMs).toISOString()
  const most = `${strict ? 'less than' : 'at most'} ${unit === 'calls' ? `${max} ${max === '1' ? 'call' : 'calls'}` : `${max} of "${counter}"`}`
  const text = [
    ...(message === null ? [] : [message]),
    `Rate limited by policy rule ${rule}: ${most} per ${window} for this ${scope}.`,
    canRetry
      ? `Retry after ${seconds} s, at ${resetsAt}.`
      : `This call alone would add ${amount}, so it can never pass.`,
  ].join(' ')
  return failure('rate_limited', text, {
    rule,
    limit: jsonNumber(max),
    window,
    scope,
    remaining: jsonNumber(remaining),
    ...(unit === 'sum' ? { amount: jsonNumber(amount) } : {}),
    ...(canRetry ? { retry_after_seconds: seconds, resets_at: resetsAt } : {}),
  })
}

export function deadHandleResult(): CallToolResult {
  return failure('session_ended', DEAD_HANDLE)
}

export function outboxFullResult(): CallToolResult {
  return failure(
    'outbox_full',
    'Too many events wait for Legiti, so this one was not taken. Try again when Legiti is back; the operator knows why.',
  )
}
