/** Upstream servers, registered and removed, and tools of theirs taken as they are now. */
import { KEPT, type ServerDocument } from '../../contract/server-document.ts'
import {
  type Change,
  type ChangeContext,
  type Propagation,
  Refusal,
  type Removal,
  type ServerUses,
  type ServerView,
} from '../../contract/tenant.ts'
import { addBuiltIn, builtInHash } from '../tables/built-in.ts'
import { recordChange } from '../tables/changes.ts'
import { checkPreconditions } from '../tables/etags.ts'
import * as grants from '../tables/grants.ts'
import { readListing } from '../tables/listings.ts'
import { acceptDrift } from '../tables/pins.ts'
import { present } from '../tables/present.ts'
import { record, recordGone } from '../tables/recording.ts'
import { refuseElsewhere } from '../tables/secret-origins.ts'
import * as secrets from '../tables/secrets.ts'
import { addSeen, clearSeen } from '../tables/seen.ts'
import { usesOfServer } from '../tables/server-uses.ts'
import * as servers from '../tables/servers.ts'
import { sealHeaders } from '../tables/static-secrets.ts'
import type { ServerWatch } from '../work/server-watch.ts'
import { refusedBy, type Tenancy } from '../work/tenancy.ts'

/** Registers a server or replaces it. Header values are sealed here; KEPT stands for what is stored. */
export async function putServer(
  tenancy: Tenancy,
  {
    tenant,
    name,
    document,
  }: {
    readonly tenant: string
    readonly name: string
    readonly document: ServerDocument
  },
  by: ChangeContext,
): Promise<Change<ServerView>> {
  const { sql, env } = tenancy
  const { headers: given, ...plain } = document
  const stored = tenancy.isThere ? servers.readServer(sql, name) : null
  const sealed = tenancy.isThere ? secrets.sealedSecrets(sql) : new Map<string, string>()
  let headers: Record<string, string>
  try {
    headers = await sealHeaders(tenancy.keys(), { tenant, name, document, stored, sealedSecrets: sealed })
  } catch (error) {
    return refusedBy(error)
  }
  const demoHash = await builtInHash(env, tenant)
  return tenancy.change(tenant, by, (nowMs) => {
    const before = servers.readServer(sql, name)
    checkPreconditions(sql, by.expected, `server/${name}`, before !== null)
    const isOther = [...secrets.sealedSecrets(sql)].join() !== [...sealed].join()
    if (JSON.stringify(before?.headers) !== JSON.stringify(stored?.headers) || isOther) {
      throw new Refusal('conflict', ['Another request has changed the server meanwhile. Try again.'])
    }
    servers.writeServer(sql, { name, document: plain, headers }, nowMs)
    secrets.writeSecretHeaders(sql, name, given, KEPT)
    refuseElsewhere(sql, name, 'invalid')
    const detail = { created: before === null, origin: new URL(plain.url).origin }
    record(sql, by, { action: 'server.put', subject: `server/${name}`, detail, atMs: nowMs })
    if (demoHash !== null) addBuiltIn(sql, demoHash, nowMs)
    const touched = grants.touchByServer(sql, name)
    return { created: before === null, touched, now: present(servers.viewServer(sql, name)) }
  })
}

/** Forgets a server, its pins included, and takes it from every grant. */
export async function deleteServer(
  tenancy: Tenancy,
  watch: ServerWatch,
  name: string,
  by: ChangeContext,
): Promise<Removal & { readonly uses?: ServerUses | null }> {
  const { sql } = tenancy
  let uses: ServerUses | null = null
  const removed = await tenancy.remove((nowMs) => {
    const registered = servers.readServer(sql, name)
    if (registered === null) return null
    checkPreconditions(sql, by.expected, `server/${name}`, true)
    uses = usesOfServer(sql, name)
    recordGone(sql, by, { action: 'server.delete', subject: `server/${name}`, atMs: nowMs })
    const touched = grants.touchByServer(sql, name)
    grants.dropServer(sql, name)
    servers.deleteServer(sql, name)
    watch.forget(registered)
    return touched
  })
  return { ...removed, uses }
}

/** Takes what drifted tools are now as what they should be; all of them when `tool` is null. Null: no such server. */
export async function accept(
  tenancy: Tenancy,
  server: string,
  tool: string | null,
  { actor, reason }: ChangeContext,
): Promise<({ readonly accepted: readonly string[] } & Propagation) | null> {
  const { sql } = tenancy
  if (!tenancy.isThere || servers.readServer(sql, server) === null) return null
  const { accepted, touched } = tenancy.commit(() => {
    const atMs = Date.now()
    const accepted = acceptDrift(sql, server, tool, atMs)
    if (accepted.length === 0) return { accepted, touched: [] }
    const detail = { tool: tool === null ? null : (accepted[0] ?? tool), tools: accepted.length, reason }
    recordChange(sql, { atMs, actor, action: 'server.accept', subject: `server/${server}`, detail })
    const listing = readListing(sql, server)
    clearSeen(sql, server)
    if (listing !== null) addSeen(sql, server, listing.digest)
    return { accepted, touched: grants.touchByServer(sql, server) }
  })
  return { accepted, ...(await tenancy.propagator.propagate(touched)) }
}
