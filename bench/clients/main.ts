/**
 * Real programs against the gateway: `npm run clients`, or `npm run clients -- NAME…` for some of them; `--help` says the rest.
 *
 * Installs each program pinned, in a folder of its own, runs it in a throw-away home, leads it through logging in, calling,
 * reaching a limit, logging out and logging in again, and prints a table. Ends with 1 when a login did not stick, a logout
 * did not reach Legiti within a second, or the next login did not work, in any program that ran; a program that
 * could not be installed or started is in the table with the reason.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { browserMissing, startBrowser } from '../../test/support/node/browser.ts'
import { misuse, readCommandLine } from '../../test/support/node/command-line.ts'
import { install, nameOf, versionOf } from '../outside/install.ts'
import { bareEnvironment, stopAll } from '../outside/processes.ts'
import { approvalSteps, playApprovals } from './approvals.ts'
import { behaviourOf } from './behaviour.ts'
import { startModel } from './model/server.ts'
import type { Connected, Program } from './program.ts'
import { programs } from './programs/index.ts'
import type { Report } from './report.ts'
import { type Finding, play, required, steps } from './scenario.ts'
import { printTable } from './table.ts'
import { startWire, traceLine, type Wire } from './wire.ts'
import { startWorld, type World } from './world.ts'

const NAMES = programs.map(({ name }) => name).join(', ')
const HELP = [
  'Usage: npm run clients -- [NAME…] [OPTION…]',
  '',
  'Installs real clients and leads them through the gateway; all of them where none is named. Ends with 1 where a login did',
  'not stick, a logout did not reach Legiti in time, or the next login did not work.',
  '',
  '  --scenario approvals   in place of sessions: calls that a person must approve; for Claude Code and mcporter unless others are named',
  '  --folder FOLDER        keep what is installed there, for the next run',
  '  --trace                print what each program did on the wire',
  '  --json FILE            write everything that was seen',
  '',
  `Names: ${NAMES}`,
]
const { values, positionals } = readCommandLine(HELP, {
  allowPositionals: true,
  options: {
    scenario: { type: 'string', default: 'sessions' },
    folder: { type: 'string' },
    trace: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})

/** Bounds one program, whatever it waits for. */
const PROGRAM_MS = 300_000

const unknown = positionals.filter((name) => !programs.some((it) => it.name === name))
if (unknown.length > 0) misuse(`unknown: ${unknown.join(', ')}`, NAMES)
const isApprovals = values.scenario === 'approvals'
if (!isApprovals && values.scenario !== 'sessions')
  misuse(`--scenario is ${JSON.stringify(values.scenario)}`, 'sessions, approvals')
if (isApprovals && browserMissing !== null) {
  console.error(`the page of an approval is tried in a browser; ${browserMissing}`)
  process.exit(2)
}
const played: readonly string[] = isApprovals ? approvalSteps : steps
const necessary = isApprovals ? played : required
const named = positionals.length === 0 && isApprovals ? ['claude-code', 'mcporter'] : positionals
const wanted = programs.filter(({ name }) => named.length === 0 || named.includes(name))
const folder =
  values.folder === undefined ? await mkdtemp(join(tmpdir(), 'gatehouse-clients-')) : resolve(values.folder)
const world = await startWorld()
const reports: Report[] = []
try {
  for (const program of wanted) {
    process.stderr.write(`${program.name} …\n`)
    const report = await tryOut(program)
    reports.push(report)
    if (values.trace) console.log([`\n${report.name} ${report.version}`, ...report.trace].join('\n'))
  }
} finally {
  await stopAll()
  await world.stop()
  if (values.folder === undefined) await rm(folder, { recursive: true, force: true })
}
printTable(reports, played)
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(reports, null, 2)}\n`)
process.exit(reports.some(hasFailed) || reports.every(({ problem }) => problem !== null) ? 1 : 0)

function hasFailed({ findings }: Report): boolean {
  return findings.some(({ step, isRight }) => isRight === false && necessary.includes(step))
}

async function tryOut(program: Program): Promise<Report> {
  const { name } = program
  const installed = join(folder, program.folder)
  const [main = ''] = program.packages
  const nothing = {
    name,
    version: main.slice(nameOf(main).length + 1),
    findings: [],
    behaviour: null,
    trace: [],
  }
  try {
    await install(installed, program.packages)
  } catch (error) {
    return { ...nothing, problem: `cannot be installed here: ${wordsOf(error)}` }
  }
  const version = await versionOf(installed, nameOf(main))
  const wire = await startWire(world.gateway.url)
  const home = await mkdtemp(join(tmpdir(), `gatehouse-${name}-`))
  try {
    const { findings, problem } = await bounded(run(program, installed, home, wire, world))
    const trace = wire.passed.map(traceLine)
    const behaviour = problem === null ? behaviourOf(wire.passed) : null
    return { name, version, problem, findings, behaviour, trace }
  } catch (error) {
    return { ...nothing, version, problem: wordsOf(error), trace: wire.passed.map(traceLine) }
  } finally {
    // What was not done in time has left its processes.
    await stopAll()
    await wire.stop()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function run(
  program: Program,
  installed: string,
  home: string,
  wire: Wire,
  { gateway, tenant: makeTenant }: World,
): Promise<{ findings: readonly Finding[]; problem: string | null }> {
  const work = join(home, 'work')
  for (const one of [work, join(home, 'tmp')]) await mkdir(one, { recursive: true })
  const name = `lab-${program.name}`
  const tenant = await makeTenant(name, program.sessions)
  let processes = 0
  /** A process of the program, in a folder and with a model of its own. */
  const open = async (): Promise<Connected> => {
    const own = join(work, String(++processes))
    await mkdir(own)
    const model = await startModel(/auth_whoami/)
    const { path, token } = tenant
    const env = bareEnvironment(home)
    const place = { installed, home, work: own, url: `${wire.url}${path}`, token, model, env }
    const connected = await program.start(place).catch(async (error: unknown) => {
      await model.stop()
      throw error
    })
    const stop = async () => {
      await connected.stop()
      await model.stop()
    }
    return { ...connected, stop }
  }
  let connected: Connected | null = null
  let browser: Awaited<ReturnType<typeof startBrowser>> | null = null
  try {
    if (isApprovals) {
      browser = await startBrowser()
      const { made, webhook } = tenant
      const stage = { open, made, webhook, gateway, tenant: name, browser }
      return { findings: await playApprovals(stage), problem: null }
    }
    connected = await open()
    const findings = await play({ name: program.name, connected, tenant, wire, gateway: gateway.url })
    return { findings, problem: null }
  } catch (error) {
    return { findings: [], problem: `cannot be started here: ${wordsOf(error)}` }
  } finally {
    await browser?.close()
    await connected?.stop()
    await tenant.stop()
  }
}

function bounded<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`was not done within ${PROGRAM_MS / 1_000} s`)), PROGRAM_MS)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.trim().split('\n').slice(0, 3).join(' ').slice(0, 300)
}
