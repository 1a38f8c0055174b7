/**
 * Which addresses an upstream may not have: those that mean this machine, its network or its cloud's own services.
 * PURE; who resolves names asks again with what came out.
 */

/** Why a server at this URL is not reached, or null. Looks at the host as it is written; nothing is resolved. */
export function addressProblem(url: URL): string | null {
  // Percent signs and upper case, octal and hexadecimal IPv4 are gone: WHATWG URL, section 3.5.
  const host = url.hostname.toLowerCase()
  if (host === '') return 'the URL names no host'
  if (host.startsWith('[')) return isPrivateAddress(host)
  const name = host.replace(/\.+$/, '')
  // A scheme that the URL standard does not call special keeps the host as it was written.
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)) {
    const address = readV4(name)
    return address === null ? `${name} is not an IP address` : problemOfV4(address, name)
  }
  return nameProblem(name)
}

/** Why an address, as an A or AAAA record gives it, is not reached; null where it is public. */
export function isPrivateAddress(text: string): string | null {
  const bare = text.trim().replace(/^\[(.*)\]$/, '$1')
  const v4 = DOTTED.test(bare) ? readV4(bare) : null
  if (v4 !== null) return problemOfV4(v4, bare)
  if (bare.includes('%')) return `${bare} has a zone, which only means something on one machine`
  const v6 = readV6(bare)
  return v6 === null ? `${JSON.stringify(bare.slice(0, 60))} is not an IP address` : problemOfV6(v6, bare)
}

/** Without leading zeros, which are octal to one reader and nothing to another. */
const DOTTED = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/

/** Network, length of the prefix, and what it is for (IANA's special-purpose registries); the first that fits counts. */
const networks4: readonly (readonly [string, number, string])[] = [
  ['169.254.169.254', 32, 'the metadata service of a cloud'],
  ['169.254.170.2', 32, 'the metadata service of a cloud'],
  ['100.100.100.200', 32, 'the metadata service of a cloud'],
  ['168.63.129.16', 32, 'the metadata service of a cloud'],
  ['192.0.0.192', 32, 'the metadata service of a cloud'],
  ['0.0.0.0', 32, 'the unspecified address'],
  ['0.0.0.0', 8, 'an address of this network'],
  ['10.0.0.0', 8, 'a private address'],
  ['100.64.0.0', 10, 'an address behind a carrier (CGNAT)'],
  ['127.0.0.0', 8, 'a loopback address'],
  ['169.254.0.0', 16, 'a link-local address'],
  ['172.16.0.0', 12, 'a private address'],
  ['192.0.0.0', 24, 'a reserved address'],
  ['192.0.2.0', 24, 'an address for documentation'],
  ['192.88.99.0', 24, 'a reserved address'],
  ['192.168.0.0', 16, 'a private address'],
  ['198.18.0.0', 15, 'an address for benchmarks'],
  ['198.51.100.0', 24, 'an address for documentation'],
  ['203.0.113.0', 24, 'an address for documentation'],
  ['224.0.0.0', 4, 'a multicast address'],
  ['255.255.255.255', 32, 'the broadcast address'],
  ['240.0.0.0', 4, 'a reserved address'],
]

const networks6: readonly (readonly [string, number, string])[] = [
  ['::', 128, 'the unspecified address'],
  ['::1', 128, 'the loopback address'],
  ['fd00:ec2::254', 128, 'the metadata service of a cloud'],
  ['fd20:ce::254', 128, 'the metadata service of a cloud'],
  ['fc00::', 7, 'a private address'],
  ['fe80::', 10, 'a link-local address'],
  ['fec0::', 10, 'a private address'],
  ['ff00::', 8, 'a multicast address'],
  ['64:ff9b:1::', 48, 'an address of a local translator'],
  ['100::', 64, 'an address that discards'],
  ['2001:2::', 48, 'an address for benchmarks'],
  ['2001:10::', 28, 'a reserved address'],
  ['2001:db8::', 32, 'an address for documentation'],
  ['3fff::', 20, 'an address for documentation'],
  ['5f00::', 16, 'a reserved address'],
]

/** Prefix, its length, the bit at which an IPv4 address begins, whether its bits are turned over, and its name. */
const carriers: readonly (readonly [string, number, number, boolean, string])[] = [
  ['::ffff:0:0', 96, 96, false, 'IPv4-mapped'],
  ['::ffff:0:0:0', 96, 96, false, 'IPv4-translated'],
  ['64:ff9b::', 96, 96, false, 'NAT64'],
  ['::', 96, 96, false, 'IPv4-compatible'],
  ['2002::', 16, 16, false, '6to4'],
  // Teredo, RFC 4380, section 4: the server in clear, the client turned over.
  ['2001::', 32, 32, false, 'Teredo'],
  ['2001::', 32, 96, true, 'Teredo'],
]

/** The whole IPv6 internet is in here so far. */
const GLOBAL = ['2000::', 3] as const
/** For protocols (RFC 2928); no server has an address of it but by Teredo, which is a carrier. */
const PROTOCOLS = ['2001::', 23] as const

function problemOfV4(address: bigint, text: string): string | null {
  for (const [network, length, what] of networks4) {
    if (isIn(address, readV4(network), length, 32)) return `${text} is ${what}`
  }
  return null
}

function problemOfV6(address: bigint, text: string): string | null {
  for (const [network, length, what] of networks6) {
    if (isIn(address, readV6(network), length, 128)) return `${text} is ${what}`
  }
  let isCarrier = false
  for (const [network, length, at, isInverted, name] of carriers) {
    if (!isIn(address, readV6(network), length, 128)) continue
    isCarrier = true
    const part = (address >> BigInt(96 - at)) & 0xffffffffn
    const carried = isInverted ? part ^ 0xffffffffn : part
    const problem = problemOfV4(carried, written(carried))
    if (problem !== null) return `${text} is an ${name} address, and ${problem}`
    if (name === 'IPv4-compatible') return `${text} is an IPv4-compatible address, which is reserved`
  }
  const isGlobal = isIn(address, readV6(GLOBAL[0]), GLOBAL[1], 128)
  if (isCarrier || (isGlobal && !isIn(address, readV6(PROTOCOLS[0]), PROTOCOLS[1], 128))) return null
  return `${text} is a reserved address`
}

function isIn(address: bigint, network: bigint | null, length: number, bits: number): boolean {
  const rest = BigInt(bits - length)
  return network !== null && address >> rest === network >> rest
}

function written(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 0xffn).join('.')
}

/** As inet_aton and WHATWG URL read it: one to four parts in any base, the last filling what is left. */
function readV4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length > 4) return null
  const values: bigint[] = []
  for (const part of parts) {
    if (/^0x[0-9a-f]*$/i.test(part)) values.push(part.length === 2 ? 0n : BigInt(part))
    else if (/^0[0-7]+$/.test(part)) values.push(BigInt(`0o${part.slice(1)}`))
    else if (/^(?:0|[1-9]\d*)$/.test(part)) values.push(BigInt(part))
    else return null
  }
  const last = values.pop() as bigint
  if (values.some((value) => value > 255n) || last >= 256n ** BigInt(4 - values.length)) return null
  return values.reduce((sum, value, i) => sum + (value << BigInt(24 - 8 * i)), last)
}

/** RFC 4291, section 2.2. */
function readV6(text: string): bigint | null {
  const lastAt = text.lastIndexOf(':') + 1
  const last = text.slice(lastAt)
  const tail = DOTTED.test(last) ? readV4(last) : null
  if (tail === null && last.includes('.')) return null
  const groupsText =
    tail === null
      ? text
      : `${text.slice(0, lastAt)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
  const halves = groupsText.split('::')
  if (halves.length > 2) return null
  const [before = [], after = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - before.length - after.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}

/** Public DNS that answers with the address in the name, or always with 127.0.0.1. */
const anyAddress = [
  'nip.io',
  'sslip.io',
  'xip.io',
  'localtest.me',
  'lvh.me',
  'vcap.me',
  'lacolhost.com',
  'traefik.me',
  'local.gd',
  'backname.io',
  'ip.addr.tools',
  'rbndr.us',
  '1u.ms',
] as const

/** Names, and what is below them, that mean something else in every network. */
const localNames: ReadonlyMap<string, string> = new Map([
  ['localhost', 'a name of this machine'],
  ['localdomain', 'a name of this machine'],
  ['ip6-localhost', 'a name of this machine'],
  ['ip6-loopback', 'a name of this machine'],
  ['local', 'a name of the local network'],
  ['internal', 'a name of a private network'],
  ['intranet', 'a name of a private network'],
  ['private', 'a name of a private network'],
  ['corp', 'a name of a private network'],
  ['home', 'a name of a private network'],
  ['lan', 'a name of the local network'],
  ['home.arpa', 'a name of the local network'],
  ['in-addr.arpa', 'a name of an address'],
  ['ip6.arpa', 'a name of an address'],
  ['svc', 'a name inside a cluster'],
  ['cluster.local', 'a name inside a cluster'],
  ['metadata.google.internal', 'the metadata service of a cloud'],
  ['test', 'a name that nobody can own'],
  ['invalid', 'a name that nobody can own'],
  ['onion', 'a name that is not of the DNS'],
  ...anyAddress.map(
    (name) => [name, 'a name of a service that resolves to any address, also a private one'] as const,
  ),
])

const metadataNames: ReadonlySet<string> = new Set(['metadata', 'instance-data', 'metadata.goog'])

function nameProblem(name: string): string | null {
  if (name === '') return 'the host is empty'
  if (metadataNames.has(name)) return `${name} is the metadata service of a cloud`
  for (let suffix = name; suffix !== ''; suffix = suffix.slice(suffix.indexOf('.') + 1 || suffix.length)) {
    const what = localNames.get(suffix)
    if (what !== undefined) return `${name} is ${what}`
  }
  if (!name.includes('.')) return `${name} is a name without a dot, which only means something in one network`
  return null
}
