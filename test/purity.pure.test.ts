/**
 * Pure code has no clock, no randomness and no I/O. docs/architecture.md names the folders that are pure; elsewhere a file's own header
 * says PURE. The linter sees globals in the folders; the rest is looked for here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const page = readFileSync(at('docs/architecture.md'), 'utf8')

/** The paths in the lines of the page that begin so. */
function listed(beginning: string): string[] {
  const lines = page.split('\n').filter((line) => line.startsWith(`- ${beginning}: `))
  return lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path))
}

const folders = listed('pure folders')
const given = listed('SQL of one transaction, which is given the time')
const excepted = new Set(listed('but for'))
const files = readdirSync(at('src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
const text = (file: string) => readFileSync(at(`src/${file}`), 'utf8')
const below = (paths: readonly string[]) =>
  files.filter(
    (file) => !excepted.has(file) && paths.some((path) => file === path || file.startsWith(`${path}/`)),
  )
const saysSo = files.filter((file) => /^\/\*\*(?:(?!\*\/)[\s\S])*\bPURE\b/.test(text(file)))
const pure = [...new Set([...below(folders), ...saysSo])].sort()
const code = (file: string) => text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

/** The clock, randomness and the outside, and waiting for any of them. */
const IMPURE =
  /Math\.random|\bcrypto\.|\bperformance\.|\bscheduler\.|\bset(?:Timeout|Interval)\(|\bfetch\(|new Date\(\)|Date\.now|\basync (?:function|\*|\(|\w+ =>|\w+\()|\bawait\b|cloudflare:/

test('the page is read', () => {
  expect(folders.length).toBeGreaterThan(5)
  expect(pure.length).toBeGreaterThan(150)
  for (const path of [...folders, ...given, ...excepted])
    expect(files.some((file) => `${file}/`.startsWith(`${path}/`))).toBe(true)
  const linter = readFileSync(at('biome.json'), 'utf8')
  for (const folder of folders) expect(linter).toContain(`"src/${folder}/**"`)
})

test.each([...pure, ...below(given)])('%s', (file) => {
  expect(code(file)).not.toMatch(IMPURE)
})
