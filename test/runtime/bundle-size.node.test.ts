/** The bundle does not grow unnoticed. bench/start measures what its size costs. */
import { expect, test } from 'vitest'
import { describeParts, MOST_GZIP_BYTES, partsOf, sizeOf } from '../../bench/start/size.ts'
import { builtWorker } from '../support/node/built-worker.ts'
import { root } from '../support/node/wrangler-dev.ts'

test('all that is uploaded fits into its budget', async () => {
  const { gzipBytes } = sizeOf(await builtWorker(null))
  if (gzipBytes <= MOST_GZIP_BYTES) return
  const parts = describeParts(await partsOf(root), 25)
  expect.fail(
    `found ${gzipBytes} bytes, compressed by gzip; allowed: ${MOST_GZIP_BYTES} (bench/start/size.ts). ` +
      `Its largest parts, uncompressed:\n${parts}`,
  )
})

test('the parts are those of the whole bundle', async () => {
  const parts = await partsOf(root)
  const { bytes } = sizeOf(await builtWorker(null))
  const sum = parts.reduce((total, part) => total + part.bytes, 0)
  // What is between them, such as the list of exports, belongs to none.
  expect(sum).toBeGreaterThan(bytes * 0.98)
  expect(sum).toBeLessThanOrEqual(bytes)
  expect(parts.map(({ name }) => name)).toEqual(expect.arrayContaining(['zod', 'src/policy']))
})
