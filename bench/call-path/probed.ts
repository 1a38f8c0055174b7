/** A gateway with probes in it, built and started, and the way of one call through it. */
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBare } from '../../test/support/node/bare-workerd.ts'
import { type BuiltWorker, builtElsewhere } from '../../test/support/node/built-worker.ts'
import { connectAgent, type Era } from '../../test/support/node/mcp-agent.ts'
import { root } from '../../test/support/node/wrangler-dev.ts'
import { startSmallWorker } from '../gateway/small-worker.ts'
import { EXPECTED, SERVER, setUpGateway } from '../gateway/subjects.ts'
import { withProbes } from './probes.ts'
import type { Entered } from './worker/recorder.ts'

/** After a call, what was left for later (outcomes, reports) has been sent: request/outcomes.ts. */
const QUIET_MS = 1_500
/** Calls before the one that is looked at: by then the isolate knows the grant, and the upstream server its session. */
const CALLS_BEFORE = 3

/** The functions that one call of an upstream tool enters, for each era. */
export async function entered(eras: readonly Era[]): Promise<ReadonlyMap<Era, readonly Entered[]>> {
  const upstream = await startSmallWorker('upstream-worker.js')
  try {
    const gateway = await startBare(
      { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
      { built: await builtWithProbes() },
    )
    try {
      const [token] = await setUpGateway(gateway.url, upstream.url, 1)
      const ways = new Map<Era, readonly Entered[]>()
      for (const era of eras) ways.set(era, await enteredBy(gateway.url, era, `Bearer ${token}`))
      return ways
    } finally {
      await gateway.stop()
    }
  } finally {
    await upstream.stop()
  }
}

async function enteredBy(gateway: string, era: Era, authorization: string): Promise<readonly Entered[]> {
  const agent = await connectAgent(era, `${gateway}/mcp/${SERVER}`, { authorization })
  const call = async () => {
    const { text } = await agent.call('echo', { text: EXPECTED })
    if (text !== EXPECTED) throw new Error(`the gateway answered: ${text}; allowed: ${EXPECTED}`)
  }
  for (let i = 0; i < CALLS_BEFORE; i++) await call()
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  await take(gateway)
  await call()
  return take(gateway)
}

async function take(gateway: string): Promise<readonly Entered[]> {
  const response = await fetch(`${gateway}/entered`)
  return (await response.json()) as Entered[]
}

/** Builds a copy of the source in which every file of the Worker has probes. */
async function builtWithProbes(): Promise<BuiltWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-probed-'))
  try {
    const worker = 'bench/call-path/worker'
    for (const name of ['src', worker, 'package.json', 'tsconfig.json'])
      await cp(join(root, name), join(folder, name), { recursive: true })
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const settings = await readFile(join(root, 'wrangler.toml'), 'utf8')
    const main = settings.replace(/^main = .*$/m, `main = "${worker}/index.ts"`)
    await writeFile(join(folder, 'wrangler.toml'), main)
    const recorder = join(folder, worker, 'recorder.ts')
    for (const file of await readdir(join(folder, 'src'), { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.d.ts') || file.startsWith('cli/')) continue
      const path = join(folder, 'src', file)
      await writeFile(path, withProbes(await readFile(path, 'utf8'), file, recorder))
    }
    return await builtElsewhere(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
