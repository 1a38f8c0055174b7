/**
 * Housekeeping beside calls: what calls of one principal take while its object deletes, carries or only has very many audit rows,
 * after a restart. On bare workerd; the rows are put into the object's database while nothing runs.
 *
 *   node bench/purge/bench.ts [--case purge|kept|carry] [--rows 500000] [--rates 50,400] [--seconds 10] [--against REVISION]
 *
 * `purge`: all rows are past their time; the run ends when they are gone. `kept`: none is. `carry`: all have yet to be carried to an
 * audit database, which answers in a thread of this process; the run ends after `--seconds`. With `--against` the same of a git revision
 * first, built with the packages that are installed here.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { startBare } from '../../test/support/node/bare-workerd.ts'
import { type BuiltWorker, builtElsewhere, builtWorker } from '../../test/support/node/built-worker.ts'
import { root } from '../../test/support/node/wrangler-dev.ts'
import { startSmallWorker } from '../gateway/small-worker.ts'
import { EXPECTED, gatewaySubject, setUpGateway } from '../gateway/subjects.ts'
import { paced } from './paced.ts'
import { principalDatabase, putDecisions, standing } from './rows.ts'

const cases = ['purge', 'kept', 'carry'] as const
type Case = (typeof cases)[number]

const { values } = parseArgs({
  options: {
    case: { type: 'string', default: 'purge' },
    rows: { type: 'string', default: '500000' },
    rates: { type: 'string', default: '50,400' },
    seconds: { type: 'string', default: '10' },
    against: { type: 'string' },
  },
})
const which = cases.find((it) => it === values.case)
if (which === undefined) throw new Error(`--case ${values.case}: it is one of ${cases.join(', ')}`)
const rows = Number(values.rows)
const seconds = Number(values.seconds)
const DAY_MS = 24 * 3_600_000
/** Nothing takes longer; what does is a finding of its own. */
const MOST_MS = 300_000

const stops: (() => Promise<void> | void)[] = []
try {
  const builds: [string, BuiltWorker][] = []
  if (values.against !== undefined) builds.push([values.against, await builtAt(values.against)])
  builds.push(['working tree', await builtWorker(null)])
  const upstream = await startSmallWorker('upstream-worker.js')
  stops.push(() => upstream.stop())
  console.log(`${which}, ${rows} rows`)
  console.log(`  ${''.padEnd(28)}    calls      p50      p99      max  failed  not sent   took   rows/s`)
  for (const rate of values.rates.split(',').map(Number))
    for (const [name, built] of builds) await measure(which, { name, built, rate, upstream: upstream.url })
} finally {
  for (const stop of stops.reverse()) await stop()
}

interface Run {
  readonly name: string
  readonly built: BuiltWorker
  readonly rate: number
  readonly upstream: string
}

async function measure(of: Case, { name, built, rate, upstream }: Run): Promise<void> {
  const audit = of === 'carry' ? await auditDatabase() : null
  const gateway = await startBare(
    { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
    { built, ...(audit === null ? {} : { auditDb: audit.address }) },
  )
  try {
    const tokens = await setUpGateway(gateway.url, upstream, 1)
    const { url, requests } = await gatewaySubject(gateway.url, tokens, 'stateless')
    await gateway.kill9()
    const file = principalDatabase(gateway.state)
    putDecisions(file, rows, of === 'purge' ? 40 * DAY_MS : 70_000 + rows)
    const beforeMs = Date.now() - 30 * DAY_MS
    const begin = standing(file, beforeMs)
    await gateway.start()
    const beginMs = performance.now()
    const elapsedMs = () => performance.now() - beginMs
    let lookedMs = 0
    const isOver = () => {
      if (elapsedMs() > MOST_MS) return true
      if (of !== 'purge') return elapsedMs() > seconds * 1_000
      if (elapsedMs() - lookedMs < 250) return false
      lookedMs = elapsedMs()
      try {
        return standing(file, beforeMs).old === 0
      } catch {
        // Locked: the object is at work.
        return false
      }
    }
    const { times, left, failed } = await paced(url, requests[0] ?? Buffer.alloc(0), {
      rate,
      expected: EXPECTED,
      isOver,
    })
    const tookMs = elapsedMs()
    const end = standing(file, beforeMs)
    const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
    const done = of === 'carry' ? end.head - begin.head : begin.old - end.old
    console.log(
      `  ${`${rate}/s, ${name}`.padEnd(28)} ${String(times.length).padStart(8)} ${ms(at(0.5))} ${ms(at(0.99))} ${ms(at(1))} ` +
        `${String(failed).padStart(7)} ${String(left).padStart(9)} ${(tookMs / 1_000).toFixed(1).padStart(6)} s ${String(Math.round((done * 1_000) / tookMs)).padStart(8)}` +
        `${of === 'carry' ? `  ${rows} -> ${rows + times.length - done} wait` : ''}`,
    )
  } finally {
    await gateway.stop()
    await audit?.stop()
  }
}

function ms(value: number): string {
  return `${value.toFixed(1).padStart(8)}`
}

/** The gateway of another revision of this repository, with the packages that are installed here. */
async function builtAt(revision: string): Promise<BuiltWorker> {
  const checkout = join(mkdtempSync(join(tmpdir(), 'gatehouse-revision-')), 'checkout')
  execFileSync('git', ['worktree', 'add', '--quiet', '--detach', checkout, revision], { cwd: root })
  stops.push(() => {
    execFileSync('git', ['worktree', 'remove', '--force', checkout], { cwd: root })
  })
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
  return builtElsewhere(checkout)
}

/** In a thread of its own, for the load must not wait for it. */
async function auditDatabase(): Promise<{ address: string; stop(): Promise<void> }> {
  const thread = new Worker(new URL('./audit-thread.ts', import.meta.url))
  const address = await new Promise<string>((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
  })
  return {
    address,
    stop: async () => {
      await thread.terminate()
    },
  }
}
