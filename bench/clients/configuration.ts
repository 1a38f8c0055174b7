/** The configuration that `gatehouse connect` prints for a client: what people are told to write is what is tried. */
import { fileURLToPath } from 'node:url'
import { bareEnvironment, run } from '../outside/processes.ts'
import type { Place } from './program.ts'

const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** As an object where it is JSON. */
export async function configuration(client: string, place: Place): Promise<unknown> {
  return JSON.parse(await configurationText(client, place))
}

export async function configurationText(client: string, { url, token, work, home }: Place): Promise<string> {
  const base = url.replace(/\/mcp$/, '')
  const args = [cli, 'connect', client, '--url', base, '--grant-token', token]
  const { code, stdout, output } = await run(
    process.execPath,
    args,
    { cwd: work, env: bareEnvironment(home) },
    30_000,
  )
  if (code !== 0) throw new Error(`gatehouse connect ${client}: ${output}`)
  return stdout
}
