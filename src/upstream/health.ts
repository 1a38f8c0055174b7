/**
 * The knowledge of this isolate about its upstream servers: breaker, open requests, eras. Memory only: another isolate finds out for
 * itself. Facts for operators are reported to the tenant's object now and then, after answers.
 */
import { errorName, log } from '../base/log.ts'
import type { Era } from '../base/revisions.ts'
import type { Capability, Declared } from '../contract/declared.ts'
import { tenantObject } from '../contract/objects.ts'
import type { KnownEras, UpstreamConfig, UpstreamProblem, UpstreamReport } from '../contract/upstream.ts'
import { abandoned, admit, type Breaker, closed, failed, succeeded } from './breaker.ts'
import type { UpstreamLink } from './link.ts'
import { forAdministrators } from './problem.ts'
import { namesIn, serverKey } from './server-key.ts'

/** Successes are no news: they are reported once in so long. Failures are reported sooner, many in one report. */
const REPORT_SUCCESS_MS = 30_000
const REPORT_FAILURE_MS = 2_000
/** A server that seems to speak no era at all is asked anew, but not all the time. */
const ASK_ANEW_MS = 10_000
const MOST_SERVERS = 2_000

interface Health {
  breaker: Breaker
  /** When each open request is over at the latest: one whose client has gone may never say that it ended. */
  readonly open: Map<symbol, number>
  /** The same, of what goes along with open requests. */
  readonly aside: Map<symbol, number>
  /** As found out here; null: to be found out again; absent: as configured. */
  eras: Partial<KnownEras>
  /** The configured eras at that time: once an administrator changes them, those count. */
  configured: KnownEras
  /** As found out here; a new configuration counts instead. */
  declared: Partial<Declared>
  configuredDeclared: Declared | undefined
  /** When each era's introduction was last asked for here because something was not in it. */
  readonly heardAtMs: Map<Era, number>
  askedAnewAtMs: number
  /** Not yet reported. */
  successes: number
  failures: number
  lastFailure: UpstreamReport['lastFailure']
  /** Until then a report is on its way; one whose request was stopped before it left is not waited for. */
  reportingUntilMs: number
  reportedAtMs: number
}

const healths = new Map<string, Health>()

function healthOf({ tenant, config }: Pick<UpstreamLink, 'tenant' | 'config'>): Health {
  const key = serverKey(tenant, config)
  const known = healths.get(key)
  if (known !== undefined) {
    if (!isSame(known.configured, config.eras)) {
      known.configured = config.eras
      known.eras = {}
    }
    if (known.configuredDeclared !== config.declared) {
      // Read again from a newer configuration, which may say the same.
      const isNews = JSON.stringify(known.configuredDeclared) !== JSON.stringify(config.declared)
      known.configuredDeclared = config.declared
      if (isNews) known.declared = {}
    }
    return known
  }
  const health: Health = {
    breaker: closed(),
    open: new Map(),
    aside: new Map(),
    eras: {},
    configured: config.eras,
    declared: {},
    configuredDeclared: config.declared,
    heardAtMs: new Map(),
    askedAnewAtMs: 0,
    successes: 0,
    failures: 0,
    lastFailure: undefined,
    reportingUntilMs: 0,
    reportedAtMs: 0,
  }
  if (healths.size >= MOST_SERVERS) {
    const oldest = healths.keys().next().value
    if (oldest !== undefined) healths.delete(oldest)
  }
  healths.set(key, health)
  return health
}

function isSame(one: KnownEras, other: KnownEras): boolean {
  return one.session === other.session && one.stateless === other.stateless
}

/** The eras as configured, and as found out by this isolate since. */
export function erasOf(link: UpstreamLink): KnownEras {
  const { eras } = healthOf(link)
  return { ...link.config.eras, ...eras }
}

/** A server cannot speak neither era: that is forgotten, so that the server is asked again, once in a while. */
export function askAnew(link: UpstreamLink): void {
  const { session, stateless } = erasOf(link)
  const health = healthOf(link)
  if (session !== false || stateless !== false || Date.now() - health.askedAnewAtMs < ASK_ANEW_MS) return
  health.askedAnewAtMs = Date.now()
  health.eras = { session: null, stateless: null }
}

/** Remembers an era that was found out, and tells the tenant's object; a doubt alone concerns this isolate only. */
export function learnEras(link: UpstreamLink, found: Partial<KnownEras>, more: Partial<UpstreamReport> = {}) {
  const health = healthOf(link)
  const before = erasOf(link)
  health.eras = { ...health.eras, ...found }
  const eras = erasOf(link)
  if (isSame(eras, before) || Object.values(found).every((flag) => flag === null)) return
  report(link, { atMs: Date.now(), eras: found, ...more })
}

/** Returns the capabilities that the server has declared in an era, as last heard; null where they are not known. */
export function declaredOf(link: UpstreamLink, era: Era): readonly Capability[] | null {
  const { declared } = healthOf(link)
  return declared[era] ?? link.config.declared?.[era] ?? null
}

/** Whether the server is known to have declared it. */
export function declares(link: UpstreamLink, era: Era, capability: Capability): boolean {
  return declaredOf(link, era)?.includes(capability) === true
}

/** A server may declare more later, and not every server says so: a request that misses something asks again, but not all the time. */
const HEAR_AGAIN_MS = 60_000

/** Tells whether the server's introduction is to be asked for, because something is not known to be in it. Counts as asking. */
export function isToBeHeard(link: UpstreamLink, era: Era): boolean {
  const { heardAtMs } = healthOf(link)
  const nowMs = Date.now()
  if (nowMs - (heardAtMs.get(era) ?? 0) < HEAR_AGAIN_MS) return false
  heardAtMs.set(era, nowMs)
  return true
}

/** Remembers what a server has just declared, and tells the tenant's object where that is news. */
export function learnDeclared(link: UpstreamLink, era: Era, declared: readonly Capability[]): void {
  healthOf(link).heardAtMs.set(era, Date.now())
  const before = declaredOf(link, era)
  if (before !== null && before.join() === declared.join()) return
  const health = healthOf(link)
  health.declared = { ...health.declared, [era]: declared }
  report(link, { atMs: Date.now(), declared: { [era]: declared } })
}

/** A place among the server's open requests, or why there is none. */
export type Entry =
  | { readonly kind: 'let'; readonly leave: (problem: UpstreamProblem | null) => void }
  | { readonly kind: 'busy' }
  | { readonly kind: 'resting'; readonly retryAtMs: number }

/**
 * Asks the breaker and the cap. A caller that is let in must call `leave`, once, with the result. An endless stream takes no place, which
 * it would keep for hours, and says nothing to the breaker: it ends too late for a probe, and a server without streams may be well.
 */
export function enter(link: UpstreamLink, isEndless: boolean): Entry {
  const { config } = link
  const health = healthOf(link)
  const nowMs = Date.now()
  if (!isEndless && !hasRoom(health.open, config.maxConcurrent, nowMs)) return { kind: 'busy' }
  const asked = admit(health.breaker, nowMs, breakerSettings(config))
  const before = health.breaker
  if (!isEndless) health.breaker = asked.breaker
  if (!isEndless && before.kind !== asked.breaker.kind)
    report(link, { atMs: nowMs, breaker: asked.breaker.kind })
  if (!asked.let) return { kind: 'resting', retryAtMs: asked.retryAtMs }
  return letIn(link, health, isEndless ? null : health.open, !isEndless)
}

/** The most messages that may be sent beside open requests: a client that sends answers without number must not fill the isolate. */
export const MOST_ASIDE = 256

/**
 * The same for a message that goes along with a request which has a place already, or had one: an answer to a question
 * of the server, progress, a cancellation, the announcement of a session or its end. The request may wait for just that
 * message, so the message waits neither for a place nor for the breaker, and what becomes of it is no probe.
 */
export function enterAside(link: UpstreamLink): Entry {
  const health = healthOf(link)
  if (!hasRoom(health.aside, MOST_ASIDE, Date.now())) return { kind: 'busy' }
  return letIn(link, health, health.aside, false)
}

function letIn(
  link: UpstreamLink,
  health: Health,
  places: Map<symbol, number> | null,
  isHeard: boolean,
): Extract<Entry, { kind: 'let' }> {
  const { responseSeconds, callSeconds } = link.config
  const place = Symbol()
  places?.set(place, Date.now() + (responseSeconds + callSeconds) * 1_000)
  let isOpen = true
  return {
    kind: 'let',
    leave: (problem) => {
      if (!isOpen) return
      isOpen = false
      places?.delete(place)
      settle(link, health, problem, isHeard)
    },
  }
}

function hasRoom(places: Map<symbol, number>, most: number, nowMs: number): boolean {
  if (places.size < most) return true
  for (const [place, untilMs] of places) if (untilMs <= nowMs) places.delete(place)
  return places.size < most
}

function settle(link: UpstreamLink, health: Health, problem: UpstreamProblem | null, isHeard: boolean): void {
  const nowMs = Date.now()
  const before = health.breaker.kind
  if (!isHeard) {
    // Said below, but not to the breaker.
  } else if (problem !== null && isFault(problem)) {
    health.breaker = failed(health.breaker, nowMs, breakerSettings(link.config))
  } else if (problem?.failure === 'cancelled' || problem?.failure === 'slow') {
    health.breaker = abandoned(health.breaker, nowMs)
  } else {
    health.breaker = succeeded(health.breaker)
  }
  if (problem === null) health.successes += 1
  else {
    const failure = reported(problem)
    if (failure !== null) {
      health.failures += 1
      health.lastFailure = { atMs: nowMs, kind: failure, message: forAdministrators(problem) }
    }
  }
  if (health.breaker.kind !== before) {
    log('warn', 'upstream.breaker', {
      tenant: link.tenant,
      server: link.config.name,
      state: health.breaker.kind,
    })
    flush(link, health)
  } else if (health.failures > 0) {
    later(link, health, REPORT_FAILURE_MS)
  } else if (nowMs - health.reportedAtMs >= REPORT_SUCCESS_MS) flush(link, health)
}

/**
 * Tells whether the server is ill: nothing came, or 5xx, or 200 with what is no answer. One that refuses a request is well, or
 * a client with bad requests could take it from all others; and so is one whose answer was too large.
 */
function isFault({ failure, status }: UpstreamProblem): boolean {
  if (status !== null && status !== 200 && status < 500) return false
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
  switch (failure) {
    case 'busy':
    case 'resting':
    case 'misconfigured':
    case 'cancelled':
    case 'unanswered':
    case 'undeclared':
      return null
    // Said in the status, and no word to the breaker: it has had less time than its own document gives it.
    case 'slow':
      return 'timeout'
    default:
      return failure
  }
}

function breakerSettings({ breakerFailures, breakerSeconds }: UpstreamConfig) {
  return { failures: breakerFailures, openSeconds: breakerSeconds }
}

function later(link: UpstreamLink, health: Health, ms: number): void {
  const nowMs = Date.now()
  if (nowMs < health.reportingUntilMs) return
  health.reportingUntilMs = nowMs + 2 * ms
  const wait = new Promise<void>((resolve) => setTimeout(resolve, ms))
  link.waitUntil(
    wait.then(() => {
      health.reportingUntilMs = 0
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
  report(link, {
    atMs: health.reportedAtMs,
    breaker: breaker.kind,
    ...(successes > 0 ? { successes } : {}),
    ...(failures > 0 ? { failures } : {}),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  })
}

/** Tells the tenant's object what was found out, behind the answer. */
export function report(link: UpstreamLink, found: UpstreamReport): void {
  const { env, tenant, config } = link
  const reporting = tenantObject(env, tenant)
    .report(config.name, { ...found, incarnation: config.incarnation })
    .catch((error: unknown) => {
      log('warn', 'upstream.report_failed', { tenant, server: config.name, error: errorName(error) })
    })
  link.waitUntil(reporting)
}

/** Servers that this isolate leaves alone now, or asks one request at a time. */
export function openBreakers(): { readonly tenant: string; readonly server: string }[] {
  return [...healths].flatMap(([key, { breaker }]) => (breaker.kind === 'closed' ? [] : [namesIn(key)]))
}
