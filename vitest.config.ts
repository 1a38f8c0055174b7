import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseEnv } from 'node:util'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/node/longest.ts'
import { useMemoryDisk } from './test/support/node/memory-disk.ts'

/**
 * Three kinds of test, told apart by name:
 *   *.pure.test.ts  pure code, in plain Node
 *   *.node.test.ts  whole programs: wrangler dev, bare workerd, the conformance suite
 *   *.test.ts       everything else, in workerd, against real Durable Objects
 */
/** What `npm run dev` begins with; a developer's own .dev.vars may say something else. */
const bindings = parseEnv(readFileSync(new URL('./.dev.vars.example', import.meta.url), 'utf8')) as Record<
  string,
  string
>

const pure = 'test/**/*.pure.test.ts'
const whole = 'test/**/*.node.test.ts'

/** A test that hangs ends; one that waits for a busy machine does not fail for that. */
const UNDER_LOAD_MS = 60_000

useMemoryDisk()

export default defineConfig({
  test: {
    // By itself vitest leaves one core unused, which is half of two.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/support/node/longest.ts'],
    coverage: { provider: 'istanbul', include: ['src/**/*.ts'] },
    projects: [
      // One process for many files, here and in workerd: to load the code costs more than most of them.
      { test: { name: 'pure', include: [pure], testTimeout: UNDER_LOAD_MS, isolate: false } },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' }, miniflare: { bindings } })],
        test: {
          name: 'workerd',
          include: ['test/**/*.test.ts'],
          exclude: [pure, whole],
          globalSetup: './test/support/node/other-side.ts',
          setupFiles: ['./test/support/setup.ts'],
          isolate: false,
          testTimeout: UNDER_LOAD_MS,
          hookTimeout: UNDER_LOAD_MS,
        },
      },
      {
        test: {
          name: 'whole',
          include: [whole],
          globalSetup: './test/support/node/built-once.ts',
          setupFiles: ['./test/support/node/recording.ts'],
          // After the others. Each starts runtimes of its own, and for much of its time waits: more of them than cores run at once.
          sequence: { groupOrder: 1 },
          maxWorkers: availableParallelism() + 2,
          // Longer than any wait within them (test/support/node/patience.ts), which says what did not come.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
