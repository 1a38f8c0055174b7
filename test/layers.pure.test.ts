/** No file imports what stands above it or beside it: docs/architecture.md says what stands where. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const table = [...readFileSync(at('docs/architecture.md'), 'utf8').matchAll(/^\| (\d) (\w+) \| ([^|]*) \|/gm)]
/** Every folder, and the files that stand alone, with its layer and its place in it. */
const places = table.flatMap(([, height, layer = '', folders = '']) =>
  [...folders.matchAll(/`([^`]+)`/g)].map(([, path = ''], left) => ({
    path,
    layer,
    height: Number(height),
    left,
    first: path.split('/')[0],
  })),
)
type Place = (typeof places)[number]

function placeOf(file: string): Place | undefined {
  const found = places.filter(({ path }) => file === path || file.startsWith(`${path}/`))
  return found.sort((a, b) => b.path.length - a.path.length)[0]
}

/** Whether a file at `here` may import one at `there`. */
function may(here: Place, there: Place): boolean {
  if (here.path === there.path || here.path === 'index.ts' || here.path === 'app.ts') return true
  if (there.layer === 'objects' && here.first !== there.first) return false
  if (here.height !== there.height) return there.height < here.height
  const isOpen = !['objects', 'doors'].includes(here.layer) || here.first === there.first
  return isOpen && there.left < here.left
}

/** Everything that is wrong with a file's imports. */
function wrong(file: string, text: string): string[] {
  const here = placeOf(file)
  if (here === undefined) return [`${file} is in no folder of docs/architecture.md`]
  return [...text.matchAll(/(?:\bfrom\s*|\bimport\(?\s*)'(\.{1,2}\/[^']+\.ts)'/g)].flatMap(([, to = '']) => {
    const target = normalize(join(dirname(file), to))
    const there = placeOf(target)
    if (there === undefined || may(here, there)) return []
    return [`${file} (${here.layer}) imports ${target} (${there.layer}): say it in contract/, or lower`]
  })
}

const files = readdirSync(at('src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .sort()

test('the table is read', () => {
  expect(table).toHaveLength(7)
  expect(files.length).toBeGreaterThan(500)
  expect(places.filter(({ path }) => !files.some((file) => `${file}/`.startsWith(`${path}/`)))).toEqual([])
})

test('no file imports what stands above or beside it', () => {
  expect(files.flatMap((file) => wrong(file, readFileSync(at(`src/${file}`), 'utf8')))).toEqual([])
})

test.each([
  ['tenant/work/pushes.ts', '../../principal/object.ts', 'principal/object.ts (objects)'],
  ['tenant/tables/grants.ts', '../work/propagator.ts', 'tenant/work/propagator.ts (objects)'],
  ['call/judge.ts', '../forward/call.ts', 'forward/call.ts (request)'],
  ['admin/grants.ts', '../tenant/object.ts', 'tenant/object.ts (objects)'],
  ['policy/model.ts', '../contract/env.ts', 'contract/env.ts (contract)'],
])('%s may not import %s', (file, to, named) => {
  expect(wrong(file, `import type { It } from '${to}'\n`)).toEqual([
    expect.stringContaining(`imports ${named}: say it in contract/`),
  ])
})
