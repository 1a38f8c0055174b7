/** `./gatehouse` at a shell: what Node compiles is kept where one's caches are, and nowhere else. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { root } from '../support/node/wrangler-dev.ts'

const home = mkdtempSync(join(tmpdir(), 'gatehouse-home-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const { PATH } = process.env
const version = (variables: Readonly<Record<string, string>>) =>
  spawnSync(join(root, 'gatehouse'), ['version'], { env: { PATH, ...variables }, encoding: 'utf8' })

test.each<[string, Record<string, string>, string]>([
  ['at home', { HOME: join(home, 'ana') }, 'ana/.cache/gatehouse'],
  [
    'where caches are said to be',
    { HOME: join(home, 'bea'), XDG_CACHE_HOME: join(home, 'own') },
    'own/gatehouse',
  ],
  [
    'where Node is told to keep it',
    { HOME: join(home, 'cy'), NODE_COMPILE_CACHE: join(home, 'node') },
    'node',
  ],
])('is kept %s', (_, variables, place) => {
  expect(version(variables)).toMatchObject({ status: 0, stderr: '' })
  expect(existsSync(join(home, place))).toBe(true)
})

test.each<[string, Record<string, string>]>([
  ['no home', {}],
  ['a home that cannot be written to', { HOME: '/proc' }],
  ['a home that is not there, nor can be made', { HOME: '/dev/null/home' }],
])('is not kept with %s, and the command answers', (_, variables) => {
  expect(version(variables)).toMatchObject({ status: 0, stderr: '' })
  expect(existsSync('/.cache/gatehouse')).toBe(false)
})
