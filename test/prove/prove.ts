/**
 * Proofs that take minutes: `npm run prove -- --seed 1 --runs 25000`. It starts a gateway of its own on bare workerd, prints one table,
 * and ends with an error where a property did not hold. The same seed makes the same cases.
 */
import { startBare } from '../support/node/bare-workerd.ts'
import { misuse, readCommandLine } from '../support/node/command-line.ts'
import { proveAnswers } from './answers.ts'
import { proveDecisions } from './decisions.ts'

const HELP = [
  'Usage: npm run prove -- [OPTION…]',
  '',
  'Tries what must hold of whatever comes, with cases that are made at random. Ends with 1 where something did not hold.',
  '',
  '  --runs NUMBER                cases of each property; 25000 where absent',
  '  --seed NUMBER                the same seed makes the same cases; another each time where absent',
  '  --lanes NUMBER               cases at the same time; 8 where absent',
  '  --only answers|decisions     one property alone',
]
const { values } = readCommandLine(HELP, {
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    runs: { type: 'string', default: '25000' },
    lanes: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
  },
})
const [seed, runs, lanes] = [whole('seed', 0), whole('runs', 1), whole('lanes', 1)]
if (!['', 'answers', 'decisions'].includes(values.only))
  misuse(`--only is ${JSON.stringify(values.only)}`, 'answers, decisions')
const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
try {
  const proofs = []
  if (values.only !== 'decisions') {
    const proof = await proveAnswers(gateway.url, { name: 'answers of servers', seed, runs, lanes })
    proofs.push({ ...proof, counted: `${proof.lies} lies told` })
  }
  if (values.only !== 'answers') {
    const proof = await proveDecisions(gateway.url, { name: 'arguments as text', seed, runs, lanes })
    proofs.push({
      ...proof,
      counted: `${proof.arrived} arrived, ${proof.denied} denied, ${proof.refused} refused`,
    })
  }
  console.table(
    proofs.map(({ name, seed, runs, ms, failures, counted }) => ({
      property: name,
      seed,
      runs,
      counted,
      seconds: Math.round(ms / 1_000),
      result: failures.length === 0 ? 'holds' : `${failures.length} lanes failed`,
    })),
  )
  for (const { failures } of proofs) for (const failure of failures) console.log(`\n${failure}`)
  if (proofs.some(({ failures }) => failures.length > 0)) process.exitCode = 1
} finally {
  await gateway.stop()
}

function whole(name: 'seed' | 'runs' | 'lanes', least: number): number {
  const number = Number(values[name])
  return Number.isSafeInteger(number) && number >= least && values[name] !== ''
    ? number
    : misuse(`--${name} is ${JSON.stringify(values[name])}`, `a whole number from ${least}`)
}
