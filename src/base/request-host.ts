/**
 * The host that a request was made to, from a URL that the runtime has written: it is in its normal form, so it need not be parsed for
 * each request. PURE.
 */

/** Host and port, as they stand between the two slashes and the path. */
export function hostOf(url: string): string {
  const start = url.indexOf('//') + 2
  const end = url.indexOf('/', start)
  return end < 0 ? url.slice(start) : url.slice(start, end)
}

/** As `URL.hostname` gives it. */
export function hostnameOf(url: string): string {
  const host = hostOf(url)
  const known = hostnames.get(host)
  if (known !== undefined) return known
  const { hostname } = new URL(url)
  if (hostnames.size >= MOST_HOSTS) hostnames.clear()
  hostnames.set(host, hostname)
  return hostname
}

/** A deployment is asked at few hosts, again and again. */
const hostnames = new Map<string, string>()
const MOST_HOSTS = 100
