/**
 * Published servers behind the gateway: `npm run servers`, or `npm run servers -- NAME…` for some of them; `--help` says the rest.
 *
 * Each is installed pinned, started on loopback with a throw-away home, and asked with the protocol's own clients: its list
 * and some calls, directly, at `/mcp/<server>` and at `/mcp`, by a client of each era. Whatever differs is printed with
 * where it differs; then it ends with 1. A server that could not be installed or started is in the table with the reason.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { adminApi } from '../../test/support/node/admin-api.ts'
import { startBare } from '../../test/support/node/bare-workerd.ts'
import { misuse, readCommandLine } from '../../test/support/node/command-line.ts'
import { install, nameOf, versionOf } from '../outside/install.ts'
import { stopAll } from '../outside/processes.ts'
import { probe } from './probe.ts'
import { published } from './published.ts'
import type { Report } from './report.ts'
import type { PublishedServer } from './server.ts'
import { startServer } from './start.ts'
import { printTable } from './table.ts'
import { tryServer } from './try.ts'

const NAMES = published.map(({ name }) => name).join(', ')
const HELP = [
  'Usage: npm run servers -- [NAME…] [OPTION…]',
  '',
  'Installs published servers, and compares their answers through the gateway with their own; all of them where none is named.',
  'Ends with 1 where something differs.',
  '',
  '  --folder FOLDER   keep what is installed there, for the next run',
  '  --json FILE       write everything that was seen',
  '',
  `Names: ${NAMES}`,
]
const { values, positionals } = readCommandLine(HELP, {
  allowPositionals: true,
  options: { folder: { type: 'string' }, json: { type: 'string' } },
})
const unknown = positionals.filter((name) => !published.some((it) => it.name === name))
if (unknown.length > 0) misuse(`unknown: ${unknown.join(', ')}`, NAMES)
const wanted = published.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const folder =
  values.folder === undefined ? await mkdtemp(join(tmpdir(), 'gatehouse-servers-')) : resolve(values.folder)
const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
const reports: Report[] = []
try {
  for (const server of wanted) {
    process.stderr.write(`${server.name} …\n`)
    reports.push(await report(server))
  }
} finally {
  await stopAll()
  await gateway.stop()
  if (values.folder === undefined) await rm(folder, { recursive: true, force: true })
}
printTable(reports)
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(reports, null, 2)}\n`)
const hasDiffered = reports.some(({ differences }) => differences.length > 0)
process.exit(hasDiffered || reports.every(({ problem }) => problem !== null) ? 1 : 0)

async function report(server: PublishedServer): Promise<Report> {
  const installed = join(folder, server.name)
  const [main = ''] = server.packages
  const program = `${nameOf(main)}${server.packages.length > 1 ? ` (${server.packages.slice(1).join(', ')})` : ''}`
  const nothing = {
    name: server.name,
    program,
    version: main.slice(nameOf(main).length + 1),
    eras: [],
    wire: null,
    tools: 0,
    compared: 0,
    differences: [],
    notes: [],
  }
  try {
    await install(installed, server.packages)
  } catch (error) {
    return { ...nothing, problem: `cannot be installed here: ${wordsOf(error)}` }
  }
  const version = await versionOf(installed, nameOf(main))
  const home = await mkdtemp(join(tmpdir(), `gatehouse-${server.name}-`))
  try {
    const { url, work } = await startServer(server, installed, home)
    const admin = adminApi(gateway.url, `lab-${server.name}`)
    await admin.putTenant({ identity: { trusted: true } })
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    await admin.putServer(server.name, { url, headers: server.headers ?? {} })
    const token = await admin.putGrant('agent', { policy: 'open', servers: ['session', server.name] })
    const endpoint = `${gateway.url}/t/${admin.tenant}/mcp`
    const wire = await probe(url, server.headers)
    const seen = await tryServer(server, { direct: url, endpoint, token, work, admin })
    return { ...nothing, version, problem: null, wire, ...seen }
  } catch (error) {
    return { ...nothing, version, problem: wordsOf(error) }
  } finally {
    await stopAll()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.trim().split('\n').slice(0, 3).join(' ').slice(0, 400)
}
