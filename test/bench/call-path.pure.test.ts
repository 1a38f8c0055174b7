/** The count of files that a call passes, on ways that are written down here, and the probes that such a way comes from. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callPath } from '../../bench/call-path/passed.ts'
import { withProbes } from '../../bench/call-path/probes.ts'
import type { Entered } from '../../bench/call-path/worker/recorder.ts'

/** `[file, caller]` for each function. */
function way(...steps: readonly [string, number | null][]): Entered[] {
  return steps.map(([file, caller]) => ({ file, name: 'f', caller }))
}

describe('a call', () => {
  test('passes the files from which it goes on, and asks those that only answer', () => {
    const entered = way(
      ['app.ts', null],
      ['mcp/handle.ts', 0],
      ['request/body.ts', 1],
      ['request/body.ts', 2],
      ['forward/call.ts', 1],
      ['base/json.ts', 4],
    )
    expect(callPath(entered, 'worker')).toEqual({
      passed: ['app.ts', 'mcp/handle.ts'],
      asked: ['request/body.ts', 'forward/call.ts', 'base/json.ts'],
      comesBackUp: [],
    })
  })

  test('comes back up where a file calls into one that waits for it, each time', () => {
    const entered = way(
      ['app.ts', null],
      ['a.ts', 0],
      ['b.ts', 1],
      ['a.ts', 2],
      ['a.ts', 2],
      // It has returned before, so nothing of it waits.
      ['c.ts', 1],
      ['b.ts', 5],
    )
    expect(callPath(entered, 'worker').comesBackUp).toEqual([
      { from: 'b.ts', to: 'a.ts f' },
      { from: 'b.ts', to: 'a.ts f' },
    ])
  })

  test('is counted by itself in an object, and not at all in what the runtime calls later', () => {
    const entered = way(
      ['app.ts', null],
      ['principal/object.ts', null],
      ['durable/commits.ts', 1],
      ['request/outcomes.ts', null],
      ['request/passage.ts', 3],
    )
    expect(callPath(entered, 'principal')).toMatchObject({
      passed: ['principal/object.ts'],
      asked: ['durable/commits.ts'],
    })
    expect(callPath(entered, 'worker')).toMatchObject({ passed: [], asked: ['app.ts'] })
  })
})

describe('probes', () => {
  const recorder = new URL('../../bench/call-path/worker/recorder.ts', import.meta.url).href
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-probes-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** What a program answers with probes in it, and the functions that it entered, each with the name of its caller. */
  async function run(name: string, text: string) {
    const file = join(folder, `${name}.mjs`)
    await writeFile(file, withProbes(text, name, recorder))
    const { takeEntered } = (await import(/* @vite-ignore */ recorder)) as {
      takeEntered: () => readonly Entered[]
    }
    takeEntered()
    const { main } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { main: () => unknown }
    const answer = await main()
    const entered = takeEntered()
    return {
      answer,
      entered: entered.map((one) => [
        one.name,
        one.caller === null ? null : (entered[one.caller]?.name ?? '?'),
      ]),
    }
  }

  test('know who called, also behind an await, a failure and a callback', async () => {
    const text = `
      const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 1))
      const double = (n: number): number => (n * 2)
      async function fails() { await pause(); throw new Error('so') }
      async function inner(n: number, then: (n: number) => number) { await pause(); return then(n) }
      export async function main(): Promise<number> {
        const found = await inner(2, (n) => double(n))
        try { await fails() } catch { return double(found) }
        return 0
      }`
    expect(await run('awaits', text)).toEqual({
      answer: 8,
      entered: [
        ['main', null],
        ['inner', 'main'],
        ['pause', 'inner'],
        ['pause', 'pause'],
        ['found', 'inner'],
        ['double', 'found'],
        ['fails', 'main'],
        ['pause', 'fails'],
        ['pause', 'pause'],
        ['double', 'main'],
      ],
    })
  })

  test('leave alone what a program does', async () => {
    const text = `
      const nothing = () => {}
      const made = (n: number) => ({ n, ['of']: [n] })
      class Base { constructor(readonly: number) { this.n = readonly } get twice() { return this.n * 2 } n = 0 }
      class Own extends Base { constructor() { super(4) } *all() { yield this.n; yield* [1].map((n) => n + 1) } }
      export function main() { nothing(); return [made(1), new Own().twice, [...new Own().all()]] }`
    expect((await run('shapes', text)).answer).toEqual([{ n: 1, of: [1] }, 8, [4, 2]])
  })
})
