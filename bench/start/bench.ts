/**
 * The Worker's weight and its first answer: the size of all that is uploaded, and the time from spawning a bare workerd to its
 * first answer, against a Worker that says hello. Interleaved in one run, so that the differences hold whatever else the machine does.
 *
 *   node bench/start/bench.ts [--rounds 15] [--against REVISION] [--parts]
 *
 * `--against` takes a git revision and measures its Worker beside that of the working tree; its packages must be the same, for it is
 * built with those that are installed. `--parts` prints what the bundle is made of. With the defaults it takes half a minute.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type BuiltWorker, builtElsewhere, builtWorker } from '../../test/support/node/built-worker.ts'
import { root } from '../../test/support/node/wrangler-dev.ts'
import { median } from '../gateway/median.ts'
import {
  type FirstAnswer,
  gatewaySubject,
  helloSubject,
  type Question,
  type Subject,
} from './first-answer.ts'
import { describeParts, MOST_GZIP_BYTES, partsOf, sizeOf } from './size.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    against: { type: 'string' },
    parts: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds: found ${values.rounds}; allowed: a whole number from 1`)

const run = promisify(execFile)
const questions: Readonly<Record<Question, string>> = {
  page: 'GET /',
  initialize: 'MCP initialize',
}

const builds = new Map<string, BuiltWorker>()
if (values.against !== undefined) builds.set(values.against, await builtAt(values.against))
builds.set('working tree', await builtWorker(null))

console.log(`All that is uploaded (budget: ${MOST_GZIP_BYTES} bytes compressed)`)
for (const [name, built] of builds) {
  const { bytes, gzipBytes } = sizeOf(built)
  console.log(`  ${name.padEnd(16)} ${gzipBytes} bytes compressed by gzip, ${bytes} uncompressed`)
}
if (values.parts) console.log(describeParts(await partsOf(root), 40))

const subjects: Subject[] = [await helloSubject()]
try {
  for (const [name, built] of builds) subjects.push(await gatewaySubject(name, built))
  for (const question of Object.keys(questions) as Question[]) await compare(question)
} finally {
  await Promise.all(subjects.map((subject) => subject.remove()))
}

/** The Worker of a revision, built with the packages that are installed here. */
async function builtAt(revision: string): Promise<BuiltWorker> {
  const checkout = await mkdtemp(join(tmpdir(), 'gatehouse-revision-'))
  try {
    const archive = join(checkout, 'archive.tar')
    await run('git', ['archive', '--output', archive, revision], { cwd: root })
    await run('tar', ['-xf', archive, '-C', checkout])
    const [theirs, ours] = await Promise.all(
      [checkout, root].map((folder) => readFile(join(folder, 'package-lock.json'), 'utf8')),
    )
    if (theirs !== ours)
      throw new Error(`--against: found other packages at ${revision}; allowed: those of package-lock.json`)
    await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'))
    return await builtElsewhere(checkout)
  } finally {
    await rm(checkout, { recursive: true, force: true })
  }
}

/** Starts every subject in turn, each round in the other order, and prints what each takes more than hello. */
async function compare(question: Question): Promise<void> {
  const answers = new Map<Subject, FirstAnswer[]>(subjects.map((subject) => [subject, []]))
  // The first start of each reads its file from the disk.
  for (const subject of subjects) await subject.start(questionOf(subject, question))
  for (let round = 0; round < rounds; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed())
      answers.get(subject)?.push(await subject.start(questionOf(subject, question)))
  console.log(`\nFrom spawn to the first answer, ${questions[question]}: median (least) of ${rounds}`)
  const hello = figures(answers.get(subjects[0] as Subject) ?? [])
  for (const [subject, all] of answers) {
    const own = figures(all)
    const more =
      subject === subjects[0]
        ? ''
        : `   +${(own.ms - hello.ms).toFixed(0)} (+${(own.leastMs - hello.leastMs).toFixed(0)}) ms, ` +
          `+${(own.cpu - hello.cpu).toFixed(0)} (+${(own.leastCpu - hello.leastCpu).toFixed(0)}) ms of processor`
    console.log(
      `  ${subject.name.padEnd(16)} ${own.ms.toFixed(0)} (${own.leastMs.toFixed(0)}) ms, ` +
        `${own.cpu.toFixed(0)} (${own.leastCpu.toFixed(0)}) ms of processor${more}`,
    )
  }
}

/** Hello answers everything alike. */
function questionOf(subject: Subject, question: Question): Question {
  return subject === subjects[0] ? 'page' : question
}

function figures(answers: readonly FirstAnswer[]) {
  const ms = answers.map((answer) => answer.ms)
  const cpu = answers.map((answer) => answer.processorMs)
  return { ms: median(ms), leastMs: Math.min(...ms), cpu: median(cpu), leastCpu: Math.min(...cpu) }
}
