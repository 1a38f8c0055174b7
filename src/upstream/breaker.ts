/**
 * Circuit breaker: decides whether a server that keeps failing is asked again. After some failures in a row it gets no requests for a
 * while; then one request at a time finds out whether it is back. PURE: the states are plain data and the clock comes in.
 */

export type Breaker =
  /** Every request may pass; so many have failed in a row. */
  | { readonly kind: 'closed'; readonly failures: number }
  /** None may pass before that moment; so many times in a row it has been opened. */
  | { readonly kind: 'open'; readonly untilMs: number; readonly times: number }
  /** One request is out as a probe; it counts as lost after that moment. */
  | { readonly kind: 'half_open'; readonly untilMs: number; readonly times: number }

export interface BreakerSettings {
  /** Failures in a row after which a server is left alone. */
  readonly failures: number
  /** For how long at first; doubled with each probe that fails, up to eight times this. Also how long a probe may take. */
  readonly openSeconds: number
}

/** The decision on a request, the state from then on, and when to try again if it may not pass. */
export type Admission =
  | { readonly let: true; readonly breaker: Breaker; readonly retryAtMs: null }
  | { readonly let: false; readonly breaker: Breaker; readonly retryAtMs: number }

const MOST_DOUBLINGS = 3

/** The state of a server without failures. */
export function closed(): Breaker {
  return { kind: 'closed', failures: 0 }
}

/** Asks before each request. One that is let through must end in `succeeded`, `failed` or `abandoned`. */
export function admit(breaker: Breaker, nowMs: number, settings: BreakerSettings): Admission {
  if (breaker.kind === 'closed') return { let: true, breaker, retryAtMs: null }
  if (nowMs < breaker.untilMs) return { let: false, breaker, retryAtMs: breaker.untilMs }
  // A probe that never reported back, because its isolate is gone, is replaced.
  const untilMs = nowMs + settings.openSeconds * 1000
  return { let: true, breaker: { kind: 'half_open', untilMs, times: breaker.times }, retryAtMs: null }
}

/** The server answered as a server does. */
export function succeeded(breaker: Breaker): Breaker {
  // A request of before, which ends well only now, says nothing about a server that has failed since.
  return breaker.kind === 'open' ? breaker : closed()
}

/** The server failed: could not be reached, did not answer in time, or answered as no server should. */
export function failed(breaker: Breaker, nowMs: number, settings: BreakerSettings): Breaker {
  switch (breaker.kind) {
    case 'closed': {
      const failures = breaker.failures + 1
      return failures < settings.failures ? { kind: 'closed', failures } : opened(0, nowMs, settings)
    }
    case 'half_open':
      return opened(breaker.times, nowMs, settings)
    // Requests that were out when it opened fail one by one; they are not news.
    case 'open':
      return breaker
  }
}

/** The request ended without saying anything about the server: the client went away. The next one may be the probe. */
export function abandoned(breaker: Breaker, nowMs: number): Breaker {
  return breaker.kind === 'half_open' ? { ...breaker, untilMs: Math.min(breaker.untilMs, nowMs) } : breaker
}

function opened(timesBefore: number, nowMs: number, { openSeconds }: BreakerSettings): Breaker {
  const factor = 2 ** Math.min(timesBefore, MOST_DOUBLINGS)
  return { kind: 'open', untilMs: nowMs + openSeconds * 1000 * factor, times: timesBefore + 1 }
}
