/**
 * What this isolate knows of its upstream servers: breaker, open requests, eras. Memory only: another isolate
 * finds out for itself. What an operator should see goes to the tenant's object now and then, behind answers.
 */
import { errorName, log } from '../log.ts'
import { admit, type Breaker, closed, failed, succeeded } from './breaker.ts'
import type { KnownEras, UpstreamConfig, UpstreamReport } from './config.ts'
import type { UpstreamLink } from './link.ts'
import type { UpstreamProblem } from './problem.ts'

/** Successes are no news: they are told once in so long. Failures are told sooner, many in one report. */
const REPORT_SUCCESS_MS = 30_000
const REPORT_FAILURE_MS = 2_000
const MOST_SERVERS = 2_000

interface Health {
  breaker: Breaker
  open: number
  eras: KnownEras
  /** Not yet reported. */
  successes: number
  failures: number
  lastFailure: UpstreamReport['lastFailure']
  isReporting: boolean
  reportedAtMs: number
}

const healths = new Map<string, Health>()

function healthOf({ tenant, config }: Pick<UpstreamLink, 'tenant' | 'config'>): Health {
  // A server that has moved is another one.
  const key = `${tenant}/${config.name} ${config.url}`
  const known = healths.get(key)
  if (known !== undefined) return known
  const health: Health = {
    breaker: closed(),
    open: 0,
    eras: config.eras,
    successes: 0,
    failures: 0,
    lastFailure: undefined,
    isReporting: false,
    reportedAtMs: 0,
  }
  if (healths.size >= MOST_SERVERS) {
    const oldest = healths.keys().next().value
    if (oldest !== undefined) healths.delete(oldest)
  }
  healths.set(key, health)
  return health
}

/** The eras as configured, and as found out by this isolate since. */
export function erasOf(link: UpstreamLink): KnownEras {
  const { eras } = healthOf(link)
  const { session, stateless } = link.config.eras
  return { session: eras.session ?? session, stateless: eras.stateless ?? stateless }
}

/** Remembers an era that was found out, and tells the tenant's object. */
export function learnEras(link: UpstreamLink, found: Partial<KnownEras>, more: Partial<UpstreamReport> = {}) {
  const health = healthOf(link)
  const before = erasOf(link)
  health.eras = { ...health.eras, ...found }
  const eras = erasOf(link)
  if (eras.session === before.session && eras.stateless === before.stateless) return
  tell(link, { atMs: Date.now(), eras, ...more })
}

/** A place among the server's open requests, or why there is none. */
export type Entry =
  | { readonly kind: 'let'; readonly leave: (problem: UpstreamProblem | null) => void }
  | { readonly kind: 'busy' }
  | { readonly kind: 'resting'; readonly retryAtMs: number }

/**
 * Asks the breaker and the cap. Whoever is let must call `leave`, once, with what became of it. An endless stream takes
 * no place: it would keep it for hours.
 */
export function enter(link: UpstreamLink, isEndless: boolean): Entry {
  const { config } = link
  const health = healthOf(link)
  if (!isEndless && health.open >= config.maxConcurrent) return { kind: 'busy' }
  const nowMs = Date.now()
  const asked = admit(health.breaker, nowMs, breakerSettings(config))
  const before = health.breaker
  health.breaker = asked.breaker
  if (before.state !== asked.breaker.state) tell(link, { atMs: nowMs, breaker: asked.breaker.state })
  if (!asked.let) return { kind: 'resting', retryAtMs: asked.retryAtMs }
  const place = isEndless ? 0 : 1
  health.open += place
  let isOpen = true
  return {
    kind: 'let',
    leave: (problem) => {
      if (!isOpen) return
      isOpen = false
      health.open -= place
      settle(link, health, problem)
    },
  }
}

function settle(link: UpstreamLink, health: Health, problem: UpstreamProblem | null): void {
  const nowMs = Date.now()
  const before = health.breaker.state
  if (problem !== null && isFault(problem)) {
    health.breaker = failed(health.breaker, nowMs, breakerSettings(link.config))
  } else if (problem?.failure !== 'cancelled') {
    health.breaker = succeeded(health.breaker)
  }
  if (problem === null) health.successes += 1
  else {
    const kind = reported(problem)
    if (kind !== null) {
      health.failures += 1
      health.lastFailure = { atMs: nowMs, kind, message: problem.message }
    }
  }
  if (health.breaker.state !== before) {
    log('warn', 'upstream.breaker', {
      tenant: link.tenant,
      server: link.config.name,
      state: health.breaker.state,
    })
    flush(link, health)
  } else if (health.failures > 0) {
    later(link, health, REPORT_FAILURE_MS)
  } else if (nowMs - health.reportedAtMs >= REPORT_SUCCESS_MS) flush(link, health)
}

/** Whether the server is ill. One that refuses a request is well, and so is one whose answer was too large. */
function isFault({ failure }: UpstreamProblem): boolean {
  return (
    failure === 'refused' ||
    failure === 'timeout' ||
    failure === 'broken' ||
    failure === 'http_error' ||
    failure === 'not_mcp' ||
    failure === 'wrong_id'
  )
}

function reported({ failure }: UpstreamProblem): NonNullable<UpstreamReport['lastFailure']>['kind'] | null {
  return failure === 'busy' || failure === 'resting' || failure === 'misconfigured' || failure === 'cancelled'
    ? null
    : failure
}

function breakerSettings({ breakerFailures, breakerSeconds }: UpstreamConfig) {
  return { failures: breakerFailures, openSeconds: breakerSeconds }
}

function later(link: UpstreamLink, health: Health, ms: number): void {
  if (health.isReporting) return
  health.isReporting = true
  const wait = new Promise<void>((resolve) => setTimeout(resolve, ms))
  link.waitUntil(
    wait.then(() => {
      health.isReporting = false
      flush(link, health)
    }),
  )
}

function flush(link: UpstreamLink, health: Health): void {
  const { successes, failures, lastFailure, breaker } = health
  health.successes = 0
  health.failures = 0
  health.lastFailure = undefined
  health.reportedAtMs = Date.now()
  tell(link, {
    atMs: health.reportedAtMs,
    breaker: breaker.state,
    ...(successes > 0 ? { successes } : {}),
    ...(failures > 0 ? { failures } : {}),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  })
}

function tell(link: UpstreamLink, report: UpstreamReport): void {
  const { env, tenant, config } = link
  const told = env.TENANT.getByName(tenant)
    .report(config.name, report)
    .catch((error: unknown) => {
      log('warn', 'upstream.report_failed', { tenant, server: config.name, error: errorName(error) })
    })
  link.waitUntil(told)
}
