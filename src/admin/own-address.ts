import { isLoopback } from '../base/loopback.ts'
import { isOwnHost } from '../request/hosts.ts'
import { type OriginSettings, publicUrlProblem } from '../request/public-base.ts'

/** Says why the address is the gateway's own; null where it is not. A name of its own that is written nowhere is found by a header (hops.ts). */
export function ownAddressProblem(
  url: URL,
  settings: OriginSettings,
  request: Pick<Request, 'url'>,
): string | null {
  const here = new URL(request.url)
  const { PUBLIC_URL } = settings
  const published =
    PUBLIC_URL === undefined || PUBLIC_URL === '' || publicUrlProblem(settings) !== null
      ? null
      : new URL(PUBLIC_URL)
  const isOwn =
    isSamePlace(url, here) ||
    (published !== null && isSamePlace(url, published)) ||
    (!isLoopback(url.hostname) && isOwnHost(settings, url.hostname))
  if (!isOwn) return null
  return `/url: found ${url.host}, which is this gateway itself; allowed: another server (native tools are at every endpoint already)`
}

/** On this machine ports tell servers apart, by whatever name; elsewhere names do, at all of their ports. */
function isSamePlace(one: URL, other: URL): boolean {
  const areHere = isLoopback(one.hostname)
  if (areHere !== isLoopback(other.hostname)) return false
  return areHere ? portOf(one) === portOf(other) : plain(one) === plain(other)
}

function portOf({ protocol, port }: URL): string {
  return port !== '' ? port : protocol === 'https:' ? '443' : '80'
}

/** A name is the same with the dot of the root behind it (RFC 1034, 3.1). */
function plain({ hostname }: URL): string {
  return hostname.replace(/\.$/, '')
}
