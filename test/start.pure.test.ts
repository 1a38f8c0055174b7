/** A Worker evaluates all of its modules before it answers anything, so nothing is made there that requests do without (decision 50). */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../src', import.meta.url))
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.startsWith('cli/'))
  .sort()

/** Everything that a file makes too early. */
function early(file: string, text: string): string[] {
  const schemas = [...text.matchAll(/^(?:export )?const (\w+)[^=\n]*= ?\n?\s*(?:z\b(?!\w)|object\()/gm)]
  const protocol = /^import \{[^}]*\} from '@modelcontextprotocol\/server'/m.test(text)
  return [
    ...schemas.map(
      ([, name]) => `${file}: ${name} is made at the start; make it with lazy() of base/lazy.ts`,
    ),
    ...(protocol && file !== 'request/protocol-parts.ts'
      ? [`${file} evaluates the protocol package at the start; load it with request/protocol.ts`]
      : []),
  ]
}

test('no schema is made at the start, and the protocol package is not loaded', () => {
  expect(files.length).toBeGreaterThan(400)
  expect(files.flatMap((file) => early(file, readFileSync(`${src}/${file}`, 'utf8')))).toEqual([])
})

test.each([
  ['const query = z.object({ a: z.string() })\n', 'query is made at the start'],
  ['export const query: z.ZodType = object({\n  a: z.string(),\n})\n', 'query is made at the start'],
  ['const text = z\n  .string()\n', 'text is made at the start'],
  ["import { Server } from '@modelcontextprotocol/server'\n", 'evaluates the protocol package'],
  [
    "import {\n  type Tool,\n  Server,\n} from '@modelcontextprotocol/server'\n",
    'evaluates the protocol package',
  ],
])('%j is found', (text, found) => {
  expect(early('a.ts', text)).toEqual([expect.stringContaining(found)])
})

test.each([
  'const query = lazy(() => z.object({ a: z.string() }))\n',
  'const id = (what: string) => z.string().describe(what)\n',
  "import type { Tool } from '@modelcontextprotocol/server'\n",
  'const zone = zoneOf(place)\n',
])('%j is none', (text) => {
  expect(early('a.ts', text)).toEqual([])
})
