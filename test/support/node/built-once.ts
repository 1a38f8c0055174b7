/** Gives the test files of one run a folder where each Worker is built once: built-worker.ts. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-built-'))
  project.provide('builtWorkers', folder)
  // The command line is started some hundreds of times: Node keeps there what it has compiled (test files inherit it).
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compile-cache')
  // Under `vitest --watch`: something has changed.
  project.onTestsRerun(async () => {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true })
  })
  return () => rm(folder, { recursive: true, force: true })
}
