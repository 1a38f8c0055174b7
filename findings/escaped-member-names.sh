#!/bin/sh
# What JSON.parse makes of an escaped name depends on what the process has parsed before.
#
# Package   node 24.21.0, 25.9.0 and 26.10.0; 22.23.3 for comparison
# Guess     A text is read as what it says: "\u0062" in the place of a member's name is the name b (RFC 8259, 7). Servers and
#           clients of MCP in Node parse every message in that way.
# Seen      Once an object was parsed whose second member is named by a single backslash, the second member of the next object with
#           the same first member is named by a backslash, too, where its name is written with an escape. There is no error.
#           Node 22 reads both as they are written. A test of what a text says cannot take Node's own parser for its measure.
#
# Exits 0 while that is so. Needs npm and Node.js 20 or newer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/parse.cjs" <<'JS'
JSON.parse('{"a":1,"\\\\":2}')
const names = Object.keys(JSON.parse('{"a":1,"\\u0062":3}'))
console.log(`${process.version} (V8 ${process.versions.v8}): ${JSON.stringify(names)}`)
process.exit(names[1] === 'b' ? 0 : names[1] === '\\' ? 3 : 4)
JS
failed=0
check() { # version, exit code that was seen
  mkdir "$folder/$1"
  (cd "$folder/$1" && npm init -y > /dev/null && npm install --no-audit --no-fund --silent "node@$1")
  found=0
  "$folder/$1/node_modules/.bin/node" "$folder/parse.cjs" || found=$?
  [ "$found" = "$2" ] || { echo "node@$1: found exit code $found, seen before: $2"; failed=1; }
}
check 22.23.3 0
check 24.21.0 3
check 25.9.0 3
check 26.10.0 3
[ "$failed" = 0 ] && echo 'as it was seen'
exit "$failed"
