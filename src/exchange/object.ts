/**
 * The Durable Object in which the eras meet where one request is not enough. It does one of four things: it holds a call that waits for
 * its client's input; it collects a client's answers; it receives a server's messages outside of the calls in a session that they
 * share; or it keeps the resources that a session watches. An object of the first two kinds serves one exchange and stores nothing:
 * should it die, the exchange is lost, and a client that comes back is told so.
 */
import { DurableObject } from 'cloudflare:workers'
import { canonicalDigest } from '../base/canonical-digest.ts'
import { parseExact } from '../base/exact-json.ts'
import { errorName, log } from '../base/log.ts'
import type { Env } from '../contract/env.ts'
import {
  type Answer,
  type Ask,
  type Attend,
  type Begin,
  type Continue,
  type Destination,
  type ExchangeLine,
  paths,
  type Refusal,
  type Subscribe,
  type WatchFor,
} from '../contract/exchange.ts'
import { tenantObject } from '../contract/objects.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { callOf, MOST_RESOURCES } from '../eras/for-session.ts'
import { linkTo, type UpstreamLink } from '../upstream/link.ts'
import { Attendance } from './attendance.ts'
import { Exchange } from './exchange.ts'
import { Mailbox } from './mailbox.ts'
import { Watcher } from './subscriptions.ts'

/**
 * An object that nobody calls is evicted after a minute or two, whatever it waits for (Durable Objects, lifecycle). An
 * alarm is a call.
 */
const HEARTBEAT_MS = 20_000
/** The time without an open stream after which the watched resources of a session are forgotten. */
const FORGET_MS = 60 * 60_000
const RESOURCES = 'resources'
/** The key of the tenant that knows that something is stored here. */
const TENANT = 'tenant'

export class ExchangeObject extends DurableObject<Env> {
  #exchange: Exchange | null = null
  #mailbox: Mailbox | null = null
  #attendance: Attendance | null = null
  #beating: ReturnType<typeof setTimeout> | null = null
  readonly #watchers = new Set<Watcher>()

  override async fetch(request: Request): Promise<Response> {
    const body = parseExact(await request.text())
    switch (new URL(request.url).pathname) {
      case paths.begin:
        return this.#begin(body as Begin, request.signal)
      case paths.continue:
        return this.#continue(body as Continue, request.signal)
      case paths.ask:
        return this.#ask(body as Ask, request.signal)
      case paths.answer:
        this.#mailbox?.take(body as Answer)
        return new Response(null, { status: 204 })
      case paths.watched:
        return Response.json(await this.#resources())
      case paths.attend:
        return this.#attend(body as Attend, request.signal)
      case paths.watch:
        return this.#watch(body as WatchFor, request.signal)
      case paths.subscribe:
        return this.#subscribe(body as Subscribe)
      case paths.erase:
        return this.#eraseNow()
      default:
        return new Response(null, { status: 404 })
    }
  }

  override async alarm(): Promise<void> {
    const isWaiting = this.#exchange?.isWaiting === true || this.#attendance?.isAttended === true
    if (isWaiting) await this.ctx.storage.setAlarm(Date.now() + HEARTBEAT_MS)
    else if (this.#watchers.size > 0) await this.ctx.storage.setAlarm(Date.now() + FORGET_MS)
    else await this.ctx.blockConcurrencyWhile(() => this.#forget())
  }

  /** Forgets what is watched, and notifies the tenant; while that fails, nothing is forgotten. */
  async #forget(): Promise<void> {
    try {
      const tenant = await this.ctx.storage.get<string>(TENANT)
      if (tenant !== undefined) await tenantObject(this.env, tenant).dropExchange(this.ctx.id.toString())
      await this.ctx.storage.deleteAll()
    } catch (error) {
      log('warn', 'exchange.not_forgotten', { error: errorName(error) })
      await this.ctx.storage.setAlarm(Date.now() + FORGET_MS)
    }
  }

  /** The tenant is deleted. */
  async #eraseNow(): Promise<Response> {
    for (const watcher of this.#watchers) watcher.close()
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()])
    return new Response(null, { status: 204 })
  }

  async #begin(terms: Begin, signal: AbortSignal): Promise<Response> {
    const link = await this.#linkTo(terms)
    if ('failure' in link) return line({ kind: 'problem', problem: link })
    const digest = await canonicalDigest(callOf(terms.config.name, terms.request))
    const host = {
      id: this.ctx.id.toString(),
      onWaiting: () => this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + HEARTBEAT_MS)),
      onOver: () => {
        this.#exchange = null
      },
    }
    this.#exchange = new Exchange(link, host, terms, digest)
    return new Response(this.#exchange.begin(signal))
  }

  async #continue(terms: Continue, signal: AbortSignal): Promise<Response> {
    const digest = await canonicalDigest(callOf(terms.server, terms.request))
    const exchange = this.#exchange
    if (exchange === null || exchange.owner !== terms.owner) return refused('unknown')
    // A state that was guessed at must not use up the true one.
    if (!exchange.isOf(terms.secret)) return refused('unknown')
    // An answer to another call does not let this one go on.
    if (exchange.begunBy !== terms.begunBy) return refused('unknown')
    // The upstream holds it in the session of the account that began it.
    const isSaid = exchange.login !== undefined && terms.login !== undefined
    if (isSaid && exchange.login !== terms.login) return refused('unknown')
    if (exchange.digest !== digest) return refused('changed')
    const body = exchange.continue(terms, signal)
    return body === null ? refused('unknown') : new Response(body)
  }

  #ask(ask: Ask, signal: AbortSignal): Response {
    this.#mailbox = new Mailbox(ask, signal, () => {
      this.#mailbox = null
    })
    return new Response(this.#mailbox.body)
  }

  /** One object for all calls in one session of the upstream's. */
  async #attend({ session, ...at }: Attend, signal: AbortSignal): Promise<Response> {
    const link = await this.#linkTo(at)
    if ('failure' in link) return line({ kind: 'problem', problem: link })
    this.#attendance ??= new Attendance(session)
    const body = this.#attendance.attend(link, signal)
    // Most calls are over before that; one that waits for its client lasts longer than the object would.
    this.#beating ??= setTimeout(() => this.#beat(), HEARTBEAT_MS)
    return new Response(body)
  }

  #beat(): void {
    this.#beating = null
    if (this.#attendance?.isAttended === true)
      this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + HEARTBEAT_MS))
  }

  async #watch(terms: WatchFor, signal: AbortSignal): Promise<Response> {
    const link = await this.#linkTo(terms)
    if ('failure' in link) return new Response(null, { status: 503 })
    const watcher: Watcher = new Watcher(link, terms.client, signal, () => {
      this.#watchers.delete(watcher)
    })
    this.#watchers.add(watcher)
    await this.ctx.storage.setAlarm(Date.now() + FORGET_MS)
    this.ctx.waitUntil(watcher.watch(without(await this.#resources(), terms.withheld)))
    return new Response(watcher.body)
  }

  async #subscribe({ tenant, uri, isWatched, withheld }: Subscribe): Promise<Response> {
    if (isWatched && !(await this.#isKnownTo(tenant))) return new Response(null, { status: 503 })
    const before = await this.#resources()
    const others = before.filter((it) => it !== uri)
    if (isWatched && others.length >= MOST_RESOURCES) return new Response(null, { status: 409 })
    const after = isWatched ? [...others, uri] : others
    if (after.length === before.length) return new Response(null, { status: 204 })
    await this.ctx.storage.put(RESOURCES, after)
    await this.ctx.storage.setAlarm(Date.now() + FORGET_MS)
    const asked = without(after, withheld)
    await Promise.all([...this.#watchers].map((watcher) => watcher.watch(asked)))
    return new Response(null, { status: 204 })
  }

  /** Makes the object known to its tenant, whose deletion must find what is stored here; where that fails, nothing is stored. */
  async #isKnownTo(tenant: string): Promise<boolean> {
    if ((await this.ctx.storage.get(TENANT)) !== undefined) return true
    try {
      if (!(await tenantObject(this.env, tenant).keepExchange(this.ctx.id.toString()))) return false
    } catch (error) {
      log('warn', 'exchange.not_kept', { tenant, error: errorName(error) })
      return false
    }
    await this.ctx.storage.put(TENANT, tenant)
    await this.ctx.storage.setAlarm(Date.now() + FORGET_MS)
    return true
  }

  async #resources(): Promise<readonly string[]> {
    return (await this.ctx.storage.get<string[]>(RESOURCES)) ?? []
  }

  #linkTo({ tenant, config, hops = '' }: Destination): Promise<UpstreamLink | UpstreamProblem> {
    return linkTo(this.env, { tenant, config, waitUntil: (work) => this.ctx.waitUntil(work), hops })
  }
}

function without(uris: readonly string[], withheld: readonly string[] = []): readonly string[] {
  const left = new Set(withheld)
  return uris.filter((uri) => !left.has(uri))
}

function refused(why: Refusal): Response {
  return line({ kind: 'refused', why })
}

function line(it: ExchangeLine): Response {
  return new Response(`${JSON.stringify(it)}\n`)
}
