#!/bin/sh
# ipaddr.js reads two spellings of one IPv6 address as two addresses.
#
# Package   ipaddr.js 2.5.0
# Guess     ::13.1.68.3 and ::d01:4403 are one address (RFC 4291, 2.2: the last 32 bits may be written as IPv4). Whoever parses both
#           gets the same, as from `new URL`, and so may keep the parsed form as a key or compare it.
# Seen      The dotted spelling becomes ::ffff:13.1.68.3, the IPv4-mapped address; the other stays ::d01:4403. With a group in front
#           (64:ff9b::13.1.68.3) both spellings are one address.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}' > package.json
npm install --no-audit --no-fund --loglevel=error --save-exact ipaddr.js@2.5.0 > /dev/null

cat > look.js <<'JS'
import ipaddr from 'ipaddr.js'

const read = (text) => ipaddr.parse(text).toNormalizedString()
const url = (text) => new URL(`http://[${text}]/`).hostname
const pairs = [['::13.1.68.3', '::d01:4403'], ['64:ff9b::13.1.68.3', '64:ff9b::d01:4403']]
for (const [dotted, hex] of pairs)
  console.log(`${dotted}: ${read(dotted)}\n${hex}: ${read(hex)}\nnew URL says the same of both: ${url(dotted) === url(hex)}`)
const isOne = pairs.map(([dotted, hex]) => read(dotted) === read(hex))
const isOneToUrl = pairs.every(([dotted, hex]) => url(dotted) === url(hex))
process.exit(isOneToUrl && !isOne[0] && isOne[1] && read('::13.1.68.3') === '0:0:0:0:0:ffff:d01:4403' ? 0 : 1)
JS
node look.js && echo 'as it was seen'
