#!/usr/bin/env node
/** The edge of the command line: the clock and the terminal; prints, and sets the exit code. */
import { argv, env, stderr, stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { listFolder, readContent, sendRequest, writeFileWhole } from './kit/io.ts'
import { MISUSE } from './kit/outcome.ts'
import { run } from './run.ts'

// A reader of the output may stop reading: `gatehouse … | head` is no mistake.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  // It may be in the middle of something that has no end.
  if (error.code === 'EPIPE') process.exit()
  stderr.write(`gatehouse: cannot write: ${error.message}\n`)
  process.exitCode = MISUSE
})

try {
  const { code, out, err, after, waits } = await run(argv.slice(2), {
    nowMs: Date.now(),
    read: readContent,
    list: listFolder,
    write: writeFileWhole,
    variable: (name) => env[name] || undefined,
    send: sendRequest,
    width: () => (stdout.isTTY && stdout.columns > 0 ? stdout.columns : null),
    print: (text) => stdout.write(text),
    warn: (text) => stderr.write(text),
    ask,
    id: () => crypto.randomUUID(),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  })
  process.exitCode = code
  await new Promise((resolve) => stdout.write(out, resolve))
  stderr.write(err)
  await after?.()
  const late = await waits?.()
  if (late !== undefined) {
    stderr.write(late.err)
    process.exitCode = late.code
  }
} catch (error) {
  // Not 1, which would pass for an answer.
  stderr.write(`gatehouse: ${String(error)}\n`)
  if (argv.includes('--json')) stdout.write(`${JSON.stringify({ errors: [{ failed: String(error) }] })}\n`)
  process.exitCode = MISUSE
}

async function ask(question: string): Promise<boolean | null> {
  if (!stdin.isTTY || !stderr.isTTY) return null
  const prompt = createInterface({ input: stdin, output: stderr })
  const answer = await prompt.question(`${question} [y/N] `).catch(() => '')
  prompt.close()
  return /^y(es)?$/i.test(answer.trim())
}
