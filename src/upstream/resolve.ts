/**
 * Decides whether an upstream's address may be reached at all. A host name is asked of a resolver (DNS over HTTPS, JSON
 * form); whatever cannot be found out is refused.
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { Env } from '../contract/env.ts'
import { addressProblem, isPrivateAddress } from './address.ts'

const DEFAULT_RESOLVER = 'https://cloudflare-dns.com/dns-query'
const TIMEOUT_MS = 5_000
/** Numbers of the record types (RFC 1035, 3.2.2; RFC 3596, 2.1). */
const recordTypes = { A: 1, AAAA: 28 } as const
type RecordType = keyof typeof recordTypes

const dnsAnswer = lazy(() =>
  z.object({
    Status: z.int(),
    Answer: z.array(z.object({ type: z.int(), data: z.string() })).default([]),
  }),
)

export type AddressCheck =
  | { readonly kind: 'public' }
  | { readonly kind: 'refused' | 'unknown'; readonly problem: string }

/** Tells whether upstreams may be at private addresses, and be reached without TLS. */
export function allowsPrivate(env: Env): boolean {
  return env.ALLOW_PRIVATE_UPSTREAMS === 'true'
}

/** Says what is wrong with RESOLVER_URL or ALLOW_PRIVATE_UPSTREAMS; null where nothing is. */
export function addressSettingsProblem({ RESOLVER_URL, ALLOW_PRIVATE_UPSTREAMS }: Env): string | null {
  if (ALLOW_PRIVATE_UPSTREAMS !== undefined && !['true', 'false', ''].includes(ALLOW_PRIVATE_UPSTREAMS))
    return `ALLOW_PRIVATE_UPSTREAMS is ${JSON.stringify(ALLOW_PRIVATE_UPSTREAMS)}; allowed: true, false`
  if (RESOLVER_URL === undefined || /^https?:$/.test(URL.parse(RESOLVER_URL)?.protocol ?? '')) return null
  return `RESOLVER_URL is ${JSON.stringify(RESOLVER_URL)}; allowed: the URL of a DNS over HTTPS resolver with JSON answers`
}

/** Checks where a server's URL leads: the host as written, and what its name resolves to. */
export async function checkAddress(url: URL, env: Env): Promise<AddressCheck> {
  if (allowsPrivate(env)) return { kind: 'public' }
  const written = addressProblem(url)
  if (written !== null) return refused(written)
  const host = url.hostname
  if (isPrivateAddress(host) === null) return { kind: 'public' }
  const name = host.replace(/\.$/, '')
  const [a, aaaa] = await Promise.all([lookUp(name, 'A', env), lookUp(name, 'AAAA', env)])
  for (const answer of [a, aaaa]) {
    if (!answer.ok)
      return {
        kind: 'unknown',
        problem: `/url: what ${name} resolves to could not be found out: ${answer.problem}`,
      }
  }
  const addresses = [a, aaaa].flatMap((answer) => (answer.ok ? answer.addresses : []))
  if (addresses.length === 0) return refused(`${name} resolves to no address`)
  for (const address of addresses) {
    const problem = isPrivateAddress(address)
    if (problem !== null) return refused(`${name} resolves to ${address}: ${problem}`)
  }
  return { kind: 'public' }
}

function refused(found: string): AddressCheck {
  const allowed = 'a server at a public address, unless ALLOW_PRIVATE_UPSTREAMS is "true"'
  return { kind: 'refused', problem: `/url: found that ${found}; allowed: ${allowed}` }
}

type LookedUp =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly problem: string }

async function lookUp(name: string, type: RecordType, env: Env): Promise<LookedUp> {
  const url = new URL(env.RESOLVER_URL ?? DEFAULT_RESOLVER)
  url.searchParams.set('name', name)
  url.searchParams.set('type', type)
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  const fail = (problem: string): LookedUp => ({ ok: false, problem: `${url.host} ${problem}` })
  try {
    const headers = { accept: 'application/dns-json' }
    const response = await fetch(url, { headers, redirect: 'manual', signal: abort.signal })
    if (response.status !== 200) return fail(`answered ${response.status}`)
    const answer = dnsAnswer().safeParse(await response.json())
    if (!answer.success) return fail('answered something that is no DNS answer')
    // NXDOMAIN is an answer: there is no such name (RFC 1035, 4.1.1).
    if (answer.data.Status !== 0 && answer.data.Status !== 3)
      return fail(`answered with the DNS error ${answer.data.Status}`)
    const wanted = answer.data.Answer.filter((record) => record.type === recordTypes[type])
    return { ok: true, addresses: wanted.map(({ data }) => data) }
  } catch {
    return fail(abort.signal.aborted ? `did not answer within ${TIMEOUT_MS / 1_000} s` : 'did not answer')
  } finally {
    clearTimeout(timer)
  }
}

/** Tells whether a URL's host, as written, is none that this deployment reaches. */
export function isPrivateHost(url: URL, env: Env): boolean {
  if (allowsPrivate(env)) return false
  return url.protocol !== 'https:' || addressProblem(url) !== null
}
