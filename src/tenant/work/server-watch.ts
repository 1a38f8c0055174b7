/** Takes in upstream servers' listings and eras: compares them, stores them, announces changes and propagates them. */
import { log } from '../../base/log.ts'
import type { ObservedListing, Verdict } from '../../contract/tenant.ts'
import type { UpstreamReport } from '../../contract/upstream.ts'
import { FlapDetector } from '../tables/flapping.ts'
import { touchByServer } from '../tables/grants.ts'
import { readListing, readTools } from '../tables/listings.ts'
import { examine, heldServers, observeListing } from '../tables/observation.ts'
import { announceBreaker, announceDrift, driftNow } from '../tables/server-news.ts'
import { isOf, mergeReport, readServer, type StoredServer, upstreamConfig } from '../tables/servers.ts'
import type { Tenancy } from './tenancy.ts'
import { FLAPPING_MS } from './wake.ts'

export class ServerWatch {
  readonly #tenancy: Tenancy
  readonly #flapping = new FlapDetector()
  readonly #flappingEras = new FlapDetector()

  constructor(tenancy: Tenancy) {
    this.#tenancy = tenancy
  }

  /**
   * A complete listing of a server's tools that is not in its `seen`. Returns when every principal was told; of a server
   * whose listing changes all the time they are told by alarm. Answers what may be shown of it, whoever was told; null
   * where there is no such server, or no list.
   */
  async observe(server: string, listing: ObservedListing): Promise<Verdict | null> {
    const { sql, propagator } = this.#tenancy
    if (this.#registered(server, listing.incarnation) === null) return null
    const examined = await examine(listing.toolsJson)
    if (examined === null) {
      log('warn', 'tenant.listing_unreadable', { server })
      return null
    }
    const { touched, verdict } = this.#tenancy.commit(() => {
      // It may have been removed, and registered again, while the listing was read.
      const registered = this.#registered(server, listing.incarnation)
      if (registered === null) return { touched: [], verdict: null }
      const { incarnation } = registered
      const wasFlapping = this.#flapping.isFlapping(incarnation, Date.now())
      const before = upstreamConfig(sql, server)?.withheld ?? {}
      const drifted = driftNow(sql, server)
      const isNews = observeListing(sql, server, { listing, examined, nowMs: Date.now(), holds: wasFlapping })
      const isFlapping = isNews && this.#flapping.count(incarnation, Date.now())
      if (isNews && !isFlapping)
        announceDrift(sql, server, { before: drifted, id: `drift_${crypto.randomUUID()}`, atMs: Date.now() })
      const after = upstreamConfig(sql, server)
      const isWorse = Object.keys(after?.withheld ?? {}).some((tool) => !Object.hasOwn(before, tool))
      const verdict = after === null ? null : { withheld: after.withheld, renamed: after.renamed }
      if (!isNews) return { touched: [], verdict }
      // A tool that is withheld from now on is withheld at once, however much the server flaps: while it does, that only grows.
      const waits = isFlapping && !isWorse
      const touched = touchByServer(sql, server, waits ? Date.now() + FLAPPING_MS : 0)
      return { touched: waits ? [] : touched, verdict }
    })
    this.#tenancy.sendSoon()
    await propagator.propagate(touched)
    return verdict
  }

  /** Adds to a server's status; the eras that it turns out to speak become part of every configuration. */
  async report(server: string, report: UpstreamReport): Promise<void> {
    const { sql, propagator } = this.#tenancy
    if (!this.#tenancy.isThere) return
    const touched = this.#tenancy.commit(() => {
      const registered = this.#registered(server, report.incarnation)
      if (registered === null) return []
      const isNews = mergeReport(sql, server, report)
      announceBreaker(sql, server, `breaker_${crypto.randomUUID()}`, Date.now())
      if (!isNews) return []
      const waits = this.#flappingEras.count(registered.incarnation, Date.now())
      const touched = touchByServer(sql, server, waits ? Date.now() + FLAPPING_MS : 0)
      return waits ? [] : touched
    })
    this.#tenancy.sendSoon()
    await propagator.propagate(touched)
  }

  /** Compares the last listings of servers that were flapping as if they had not been: what is as pinned is let go. */
  async compareHeld(): Promise<void> {
    this.#tenancy.wake.compareAtMs = null
    for (const server of heldServers(this.#tenancy.sql)) await this.#compareAnew(server)
  }

  /** The server, if this registration of it is there. */
  #registered(name: string, incarnation: string | undefined): StoredServer | null {
    const server = this.#tenancy.read((sql) => readServer(sql, name), null)
    return server !== null && isOf(server, incarnation) ? server : null
  }

  /** A registration that is gone. */
  forget({ incarnation }: StoredServer): void {
    this.#flapping.forget(incarnation)
    this.#flappingEras.forget(incarnation)
  }

  async #compareAnew(server: string): Promise<void> {
    const { sql } = this.#tenancy
    const toolsJson = readTools(sql, server)
    const examined = toolsJson === null ? null : await examine(toolsJson)
    if (toolsJson === null || examined === null) return
    this.#tenancy.commit(() => {
      const listing = readListing(sql, server)
      // Another may have been listed while this one was read.
      if (listing === null || readTools(sql, server) !== toolsJson) return
      observeListing(sql, server, {
        listing: { digest: listing.digest, toolsJson },
        examined,
        nowMs: Date.now(),
      })
      touchByServer(sql, server)
    })
  }
}
