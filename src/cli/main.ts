#!/usr/bin/env node
/** The edge of the command line: reads files and the clock, prints, and sets the exit code. */
import { createReadStream } from 'node:fs'
import { argv, stderr, stdin, stdout } from 'node:process'
import type { Readable } from 'node:stream'
import { getSystemErrorMessage } from 'node:util'
import { type Content, MISUSE } from './outcome.ts'
import { run } from './run.ts'

/** Four bytes for each character that a policy may have; a file without end is not read to its end. */
const MOST_BYTES = 4 * 1024 * 1024

// Whoever reads the output may stop reading: `gatehouse … | head` is no mistake.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  stderr.write(`gatehouse: cannot write: ${error.message}\n`)
  process.exitCode = MISUSE
})

try {
  const { code, out, err } = await run(argv.slice(2), { nowMs: Date.now(), read })
  stdout.write(out)
  stderr.write(err)
  process.exitCode = code
} catch (error) {
  // Not 1, which would pass for an answer.
  stderr.write(`gatehouse: ${String(error)}\n`)
  process.exitCode = MISUSE
}

async function read(file: string): Promise<Content> {
  try {
    const source: Readable = file === '-' ? stdin : createReadStream(file, { end: MOST_BYTES })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MOST_BYTES) return { ok: false, reason: `more than ${MOST_BYTES} bytes` }
    }
    return { ok: true, bytes: Buffer.concat(chunks) }
  } catch (error) {
    const { errno, code = 'unknown error' } = error as NodeJS.ErrnoException
    return { ok: false, reason: errno === undefined ? code : getSystemErrorMessage(errno) }
  }
}
