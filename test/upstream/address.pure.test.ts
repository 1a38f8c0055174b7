import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressProblem, isPrivateAddress } from '../../src/upstream/address.ts'

const problem = (host: string) => addressProblem(new URL(`https://${host}/mcp`))

describe('an address that is refused', () => {
  test.each<[string, RegExp]>([
    ['127.0.0.1', /a loopback/],
    ['127.255.255.254', /a loopback/],
    ['127.1', /127\.0\.0\.1 is a loopback/],
    ['0x7f.1', /127\.0\.0\.1 is a loopback/],
    ['0x7f000001', /a loopback/],
    ['2130706433', /a loopback/],
    ['0177.0.0.1', /a loopback/],
    ['017700000001', /a loopback/],
    ['１２７.０.０.１', /a loopback/],
    ['127。0。0。1', /a loopback/],
    ['127.0.0.1.', /a loopback/],
    ['%31%32%37.0.0.1', /a loopback/],
    ['10.0.0.1', /a private/],
    ['172.16.0.1', /a private/],
    ['172.31.255.255', /a private/],
    ['192.168.1.1', /a private/],
    ['100.64.0.1', /CGNAT/],
    ['100.127.255.255', /CGNAT/],
    ['169.254.1.1', /link-local/],
    ['169.254.169.254', /metadata/],
    ['0xA9FEA9FE', /metadata/],
    ['100.100.100.200', /metadata/],
    ['168.63.129.16', /metadata/],
    ['0.0.0.0', /unspecified/],
    ['0', /unspecified/],
    ['0.1.2.3', /this network/],
    ['224.0.0.1', /multicast/],
    ['239.255.255.255', /multicast/],
    ['255.255.255.255', /broadcast/],
    ['240.0.0.1', /reserved/],
    ['192.0.0.8', /reserved/],
    ['192.0.2.1', /documentation/],
    ['198.51.100.1', /documentation/],
    ['203.0.113.1', /documentation/],
    ['198.18.0.1', /benchmarks/],
    ['198.19.255.255', /benchmarks/],
    ['[::]', /unspecified/],
    ['[::1]', /loopback/],
    ['[0:0:0:0:0:0:0:1]', /loopback/],
    ['[fc00::1]', /private/],
    ['[fdff::1]', /private/],
    ['[fd00:ec2::254]', /metadata/],
    ['[fe80::1]', /link-local/],
    ['[febf::1]', /link-local/],
    ['[fec0::1]', /private/],
    ['[ff02::1]', /multicast/],
    ['[2001:db8::1]', /documentation/],
    ['[4000::1]', /reserved/],
    ['[::ffff:127.0.0.1]', /IPv4-mapped address, and 127\.0\.0\.1 is a loopback/],
    ['[::ffff:a9fe:a9fe]', /IPv4-mapped .* metadata/],
    ['[::ffff:0:10.0.0.1]', /IPv4-translated .* private/],
    ['[::127.0.0.1]', /IPv4-compatible .* loopback/],
    ['[::8.8.8.8]', /IPv4-compatible .* reserved/],
    ['[64:ff9b::10.0.0.1]', /NAT64 .* private/],
    ['[64:ff9b:1::8.8.8.8]', /translator/],
    ['[2002:7f00:1::]', /6to4 .* loopback/],
    ['[2002:c0a8:101::1]', /6to4 .* private/],
    ['[2001:0:a00:1::f7f7:f7f7]', /Teredo .* 10\.0\.0\.1 is a private/],
    ['[2001:0:808:808::f5ff:fffe]', /Teredo .* 10\.0\.0\.1 is a private/],
  ])('%s', (host, what) => expect(problem(host)).toMatch(what))
})

describe('a name that is refused', () => {
  test.each<[string, RegExp]>([
    ['localhost', /localhost is a name of this machine/],
    ['LOCALHOST', /this machine/],
    ['localhost.', /this machine/],
    ['a.localhost', /this machine/],
    ['printer.local', /local network/],
    ['printer.local.', /local network/],
    ['router.home.arpa', /local network/],
    ['nas.lan', /local network/],
    ['db.internal', /private network/],
    ['metadata.google.internal', /metadata/],
    ['metadata.google.internal.', /metadata/],
    ['metadata', /metadata/],
    ['instance-data', /metadata/],
    ['kubernetes.default.svc', /cluster/],
    ['kubernetes.default.svc.cluster.local', /cluster/],
    ['intern', /without a dot/],
    ['intern.', /without a dot/],
    ['10.0.0.1.nip.io', /any address/],
    ['10-0-0-1.sslip.io', /any address/],
    ['x.xip.io', /any address/],
    ['localtest.me', /any address/],
    ['a.lvh.me', /any address/],
    ['ｌｏｃａｌｈｏｓｔ', /this machine/],
  ])('%s', (host, what) => expect(problem(host)).toMatch(what))

  test('also where the URL is not of the web', () => {
    expect(addressProblem(new URL('mcp://0x7f.1/'))).toMatch(/loopback/)
    expect(addressProblem(new URL('mcp://8.8.08/'))).toBe('8.8.08 is not an IP address')
    expect(addressProblem(new URL('mcp://LOCALHOST/'))).toMatch(/this machine/)
    expect(addressProblem(new URL('data:text/plain,x'))).toMatch(/no host/)
  })
})

describe('a network that is not for everybody (IANA, special-purpose address registries)', () => {
  /** First and last address of each; IPv6 as far as it has no address of IPv4 in it. */
  test.each([
    ['0.0.0.0', '0.255.255.255'],
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.0.0.0', '192.0.0.255'],
    ['192.0.2.0', '192.0.2.255'],
    ['192.88.99.0', '192.88.99.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['198.51.100.0', '198.51.100.255'],
    ['203.0.113.0', '203.0.113.255'],
    ['224.0.0.0', '255.255.255.255'],
    ['::', '::1'],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
    ['100::', '100::ffff:ffff:ffff:ffff'],
    ['100:0:0:1::', '100::1:ffff:ffff:ffff:ffff'],
    ['2001:1::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:2::', '2001:2:0:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fec0::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('is refused from %s to %s', (first, last) => {
    for (const text of [first, last]) expect(isPrivateAddress(text)).toMatch(/ is (an?|the) /)
  })

  test('ends where it ends', () => {
    for (const text of [
      '2001:200::',
      '2001:db7:ffff::1',
      '2001:db9::',
      '3ffe:ffff::1',
      '2000::',
      '3fff:1000::',
    ])
      expect(isPrivateAddress(text)).toBeNull()
  })
})

test.each([
  'example.com',
  'mcp.example.com.',
  'internal.example.com',
  'localhost.example.com',
  'notlocalhost.example',
  'xn--mnchen-3ya.de',
  '8.8.8.8',
  '1.1.1.1',
  '100.63.255.255',
  '100.128.0.0',
  '172.32.0.1',
  '198.20.0.1',
  '223.255.255.255',
  '[2606:4700::1111]',
  '[2a00:1450:4001::1]',
  '[::ffff:8.8.8.8]',
  '[64:ff9b::8.8.8.8]',
  '[2002:808:808::1]',
])('%s is reached', (host) => expect(problem(host)).toBeNull())

describe("a resolver's answer", () => {
  test.each(['10.0.0.1', '::1', 'fe80::1%eth0', '::ffff:10.0.0.1', '[::1]', 'FD00::1', ' 127.0.0.1 '])(
    '%j is refused',
    (text) => expect(isPrivateAddress(text)).not.toBeNull(),
  )
  test.each(['8.8.8.8', '2606:4700::1111'])('%j is reached', (text) =>
    expect(isPrivateAddress(text)).toBeNull(),
  )
  test.each([
    '',
    'example.com',
    '1.2.3',
    '1.2.3.256',
    '010.0.0.1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '::1.2.3.999',
    '12345::',
    ':::',
    // Octal to one reader, decimal to another.
    '::ffff:010.0.0.1',
    '64:ff9b::8.8.8.010',
    '::ffff:8.8.8',
    '::ffff:8.8.8.8.8',
    '::ffff:0x8.8.8.8',
  ])('%j is no address, and refused', (text) =>
    expect(isPrivateAddress(text)).toMatch(/is not an IP address$/),
  )

  test('is read as a URL reads it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const read = isPrivateAddress(text) === null
        expect(addressProblem(new URL(`http://[${text}]/`)) === null).toBe(read)
      }),
    )
    fc.assert(
      fc.property(fc.ipV4Extended(), (text) => {
        const normal = new URL(`http://${text}/`).hostname
        expect(addressProblem(new URL(`x://${text}/`)) === null).toBe(isPrivateAddress(normal) === null)
      }),
    )
  })
})
