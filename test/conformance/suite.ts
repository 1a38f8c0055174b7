/** The official conformance suite as a program: what it lists, and what it finds. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as z from 'zod/v4'
import { root } from '../support/node/wrangler-dev.ts'
import type { Run, Scenario } from './scenarios.ts'

/** Scenarios take a second or two, all of them together a few; the suite itself gives up on one after thirty. */
const LONGEST_RUN_MS = 45_000

/** What one run found: the checks of every scenario that it came to. */
export interface Findings {
  readonly scenarios: ReadonlyMap<string, readonly Check[]>
  readonly output: string
}

const checkSchema = z.object({
  id: z.string(),
  status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'INFO', 'SKIPPED']),
  description: z.string(),
  errorMessage: z.string().optional(),
  details: z.looseObject({ untestable: z.boolean().optional() }).nullish(),
})
export type Check = z.infer<typeof checkSchema>

/** A scenario as the suite lists it, and what it says the scenario is for: revisions, or `extension`. */
export interface Listed {
  readonly name: string
  readonly appliesTo: readonly string[]
}

/** Every server scenario that the installed suite has. */
export async function listScenarios(suite: Run['suite']): Promise<readonly Listed[]> {
  const { output } = await runSuite(suite, ['list', '--server'], tmpdir())
  return [...output.matchAll(/^ {2}- (\S+)(?: \[(.*)\])?$/gm)].map(([, name = '', tags = '']) => ({
    name,
    appliesTo: tags.split(','),
  }))
}

/** Runs one scenario against `url` in a process and a folder of its own. */
export async function runScenario(
  { suite, options }: Run,
  scenario: string,
  url: string,
): Promise<{ checks: readonly Check[]; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-conformance-'))
  try {
    const args = ['server', '--url', url, '--scenario', scenario, '--output-dir', folder, ...options]
    const { output } = await runSuite(suite, args, folder)
    return { checks: await readChecks(folder), output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs all scenarios that `options` choose against `url`, in one process. */
export async function runScenarios(
  suite: Run['suite'],
  options: readonly string[],
  url: string,
): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-conformance-'))
  try {
    const args = ['server', '--url', url, '--output-dir', folder, ...options]
    // One that hangs must not hide what the others found; the scenarios behind it are missing, which shows.
    const output = await runSuite(suite, args, folder).then(
      (ended) => ended.output,
      (error: unknown) => String(error),
    )
    const scenarios = new Map<string, readonly Check[]>()
    for (const name of await readdir(folder)) {
      // server-<scenario>-<time>
      const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(name)?.[1]
      if (scenario !== undefined) scenarios.set(scenario, await readChecks(join(folder, name)))
    }
    return { scenarios, output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * What keeps a scenario from counting as passed. The suite's exit code is not enough: it is 0 after warnings,
 * and after a scenario that was skipped or found nothing to check.
 */
export function problemsOf(checks: readonly Check[], { unexercised = {} }: Scenario): readonly string[] {
  const open = checks.filter((check) => check.status !== 'SUCCESS')
  const failed = open
    .filter((check) => unexercised[check.id] === undefined || isRealFailure(check))
    .map(({ status, id, description, errorMessage }) => `${status} ${id}: ${errorMessage ?? description}`)
  const stale = Object.keys(unexercised)
    .filter((id) => !open.some((check) => check.id === id))
    .map((id) => `${id} is listed as unexercised, but it succeeded or is gone: correct the list`)
  return [...(open.length === checks.length ? ['no check succeeded'] : []), ...failed, ...stale]
}

/** Where a fixture is missing, the suite fails the check too, but says that it could not be tested. */
function isRealFailure({ status, details }: Check): boolean {
  return status === 'FAILURE' && details?.untestable !== true
}

/** None when the suite wrote none, as for a scenario that it skipped. */
async function readChecks(folder: string): Promise<readonly Check[]> {
  const file = (await readdir(folder, { recursive: true })).find((path) => basename(path) === 'checks.json')
  if (file === undefined) return []
  return z.array(checkSchema).parse(JSON.parse(await readFile(join(folder, file), 'utf8')) as unknown)
}

function runSuite(
  suite: Run['suite'],
  args: readonly string[],
  cwd: string,
): Promise<{ readonly output: string }> {
  const program = join(root, 'node_modules', suite, 'dist/index.js')
  const options = {
    cwd,
    timeout: LONGEST_RUN_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 32 * 1024 * 1024,
  } as const
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`
      // A non-zero exit says that checks failed, which the checks say better.
      if (error === null || typeof error.code === 'number') resolve({ output })
      else reject(new Error(`${suite} ${args.join(' ')} did not end by itself: ${error.message}\n${output}`))
    })
  })
}
