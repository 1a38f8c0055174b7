/**
 * Bounds the bytes of servers' lists that are held in memory at once. An isolate has 128 MB, the text of a list stands there several
 * times over, and a server may send as much as its document allows. A request's budget is shared among its servers, so that no server
 * takes what another one needs; the budget of an isolate is bounded, and no tenant has all of it.
 */

const MIB = 1024 * 1024
/** The most bytes that the servers of one request may send; half of it is shared out beforehand. */
export const REQUEST_BYTES = 16 * MIB
/** The most bytes that all requests of this isolate, and those of one tenant, hold at once beyond small answers. */
const ISOLATE_BYTES = 32 * MIB
const TENANT_BYTES = 16 * MIB
/** The bytes of each server in each request that count as small, and not against the isolate. */
const SMALL_BYTES = 256 * 1024

let ofIsolate = 0
const ofTenants = new Map<string, number>()

/** The budget of one server in one request. */
export interface PartBudget {
  /** Takes so many bytes more, or answers false: then there is no room for them. */
  readonly take: (bytes: number) => boolean
}

/** The budget of one request. Its maker releases it when the answer is written. */
export class ListBudget {
  readonly #tenant: string
  readonly #share: number
  #pool: number
  /** Counted to the isolate. */
  #held = 0

  /** @param parts how many servers are asked */
  constructor(tenant: string, parts: number) {
    this.#tenant = tenant
    this.#share = REQUEST_BYTES / 2 / Math.max(1, parts)
    this.#pool = REQUEST_BYTES / 2
  }

  /** The part of one server: its share is its own, and what it needs beyond comes out of what is there for all. */
  part(): PartBudget {
    let taken = 0
    return {
      take: (bytes) => {
        const more = Math.max(0, taken + bytes - Math.max(this.#share, taken))
        if (more > this.#pool || !this.#hold(beyondSmall(taken + bytes) - beyondSmall(taken))) return false
        this.#pool -= more
        taken += bytes
        return true
      },
    }
  }

  #hold(bytes: number): boolean {
    const ofTenant = ofTenants.get(this.#tenant) ?? 0
    if (bytes > 0 && (ofIsolate + bytes > ISOLATE_BYTES || ofTenant + bytes > TENANT_BYTES)) return false
    this.#count(bytes)
    return true
  }

  #count(bytes: number): void {
    const ofTenant = (ofTenants.get(this.#tenant) ?? 0) + bytes
    if (ofTenant > 0) ofTenants.set(this.#tenant, ofTenant)
    else ofTenants.delete(this.#tenant)
    ofIsolate += bytes
    this.#held += bytes
  }

  release(): void {
    this.#count(-this.#held)
  }
}

function beyondSmall(bytes: number): number {
  return Math.max(0, bytes - SMALL_BYTES)
}
