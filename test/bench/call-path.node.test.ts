/** The way of a call through the source is as short as docs/architecture.md says: who makes it longer says so there. */
import { readFile } from 'node:fs/promises'
import { beforeAll, expect, test } from 'vitest'
import { callPath } from '../../bench/call-path/passed.ts'
import { entered } from '../../bench/call-path/probed.ts'
import type { Entered } from '../../bench/call-path/worker/recorder.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { type Era, eras } from '../support/node/mcp-agent.ts'

const canRun = bareWorkerdMissing === null

let ways: ReadonlyMap<Era, readonly Entered[]> = new Map()
beforeAll(async () => {
  if (canRun) ways = await entered(eras)
})

/** The figures of a row, of each era. */
async function documented(row: string): Promise<readonly (readonly number[])[]> {
  const text = await readFile(new URL('../../docs/architecture.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith(`| ${row} |`))
  return rows.map((line) => line.split('|').slice(2, 4).map(Number))
}

test.skipIf(!canRun)(
  'a call passes as many files, and comes back up as often, as the documentation says',
  async () => {
    const of = (part: 'worker' | 'principal') => eras.map((era) => callPath(ways.get(era) ?? [], part))
    const [worker, principal] = [of('worker'), of('principal')]
    expect(await documented('files passed in the Worker')).toEqual([
      worker.map(({ passed }) => passed.length),
    ])
    expect(await documented('files passed in the principal')).toEqual([
      principal.map(({ passed }) => passed.length),
    ])
    expect(await documented('comes back up there')).toEqual([
      worker.map(({ comesBackUp }) => comesBackUp.length),
      principal.map(({ comesBackUp }) => comesBackUp.length),
    ])
  },
)
