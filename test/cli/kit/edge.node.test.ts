/** Files as commands write and take them away: whole, with their folder, and also where several runs are at it at once. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeFileWhole } from '../../../src/cli/kit/io.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gatehouse-edge-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('a folder that is empty goes with its last file, and one that is not stays', async () => {
  const own = join(dir, '.gatehouse')
  expect(await writeFileWhole(join(own, 'a'), 'one')).toBeNull()
  expect(await writeFileWhole(join(own, 'b'), 'two')).toBeNull()
  expect(await writeFileWhole(join(own, 'a'), null)).toBeNull()
  expect([readdirSync(own), readFileSync(join(own, 'b'), 'utf8')]).toEqual([['b'], 'two'])
  expect(await writeFileWhole(join(own, 'b'), null)).toBeNull()
  expect(existsSync(own)).toBe(false)
  // Gone already, folder and all.
  expect(await writeFileWhole(join(own, 'b'), null)).toBeNull()
  mkdirSync(own)
  writeFileSync(join(own, '.gitkeep'), '')
  await writeFileWhole(join(own, 'a'), 'one')
  await writeFileWhole(join(own, 'a'), null)
  expect(readdirSync(own)).toEqual(['.gitkeep'])
})

test('of runs that write and take away at once none fails, and nothing is left', async () => {
  const own = join(dir, '.gatehouse')
  const run = async (name: string) => {
    for (let i = 0; i < 100; i++) {
      const file = join(own, `${name}-${i}`)
      expect(await writeFileWhole(file, name)).toBeNull()
      expect(readFileSync(file, 'utf8')).toBe(name)
      expect(await writeFileWhole(file, null)).toBeNull()
    }
  }
  await Promise.all(['a', 'b', 'c', 'd'].map(run))
  expect(readdirSync(dir)).toEqual([])
})

test('a file where the folder should be is said to be in the way', async () => {
  writeFileSync(join(dir, '.gatehouse'), '')
  expect(await writeFileWhole(join(dir, '.gatehouse/a'), 'one')).toMatch(/file|directory/i)
})
