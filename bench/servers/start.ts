/** Starts a published server on loopback, and waits until it answers. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/support/node/wrangler-dev.ts'
import { bareEnvironment, start } from '../outside/processes.ts'
import type { PublishedServer } from './server.ts'

const READY_MS = 60_000

export async function startServer(
  server: PublishedServer,
  installed: string,
  home: string,
): Promise<{ readonly url: string; readonly work: string }> {
  const port = await freePort()
  const work = join(home, 'work')
  for (const folder of [work, join(home, 'tmp')]) await mkdir(folder, { recursive: true })
  await writeFile(join(work, 'hello.txt'), 'Hello.\n')
  const modules = join(installed, 'node_modules')
  const { script, args } = server.command(port, work, modules)
  if (server.own !== undefined) await copyFile(server.own, join(installed, script))
  const path = server.own === undefined ? join(modules, script) : join(installed, script)
  const env = { ...bareEnvironment(home), ...server.env?.(port) }
  const running = start(process.execPath, [path, ...args], { cwd: work, env, isFed: true })
  const url = `http://${server.host ?? '127.0.0.1'}:${port}${server.path}`
  const deadline = Date.now() + READY_MS
  while (!(await answers(url))) {
    const ended = await Promise.race([
      running.ended,
      new Promise((resolve) => setTimeout(resolve, 100, 'waits')),
    ])
    if (ended !== 'waits') throw new Error(`it ended with ${ended}: ${running.output().trim().slice(-300)}`)
    if (Date.now() > deadline)
      throw new Error(`it did not answer within ${READY_MS} ms: ${running.output().slice(-300)}`)
  }
  return { url, work }
}

/** Whether anything speaks HTTP there. */
function answers(url: string): Promise<boolean> {
  return fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(2_000) }).then(
    (response) => {
      response.body?.cancel().catch(() => {})
      return true
    },
    () => false,
  )
}
