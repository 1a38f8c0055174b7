/**
 * The command line in one file, for tests that start it a hundred times: to find and to link its modules is three quarters of what its start
 * costs. It is the same code. The command line as it is installed is started, too: test/cli/cli.node.test.ts.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { builtFolder } from './built-worker.ts'
import { root } from './wrangler-dev.ts'

const MAIN = 'gatehouse.mjs'

let building: Promise<string> | null = null

/** The path of the file; built once in a run of the tests. */
export function builtCli(): Promise<string> {
  building ??= builtIn(builtFolder())
  return building
}

async function builtIn(folder: string): Promise<string> {
  const place = join(folder, 'cli')
  if (!existsSync(place)) {
    const unfinished = await mkdtemp(join(folder, 'unfinished-'))
    await build(unfinished)
    // In one step, so that nobody starts half of it. It fails where another process was quicker, and then that one's is started.
    await rename(unfinished, place).catch(async (error: unknown) => {
      await rm(unfinished, { recursive: true, force: true })
      if (!existsSync(place)) throw error
    })
  }
  return join(place, MAIN)
}

async function build(outDir: string): Promise<void> {
  // Only here, because to load vite takes a second.
  const vite = await import('vite')
  await vite.build({
    root,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: 'src/cli/main.ts',
      outDir,
      minify: false,
      rolldownOptions: { output: { entryFileNames: MAIN, codeSplitting: false } },
    },
  })
}
