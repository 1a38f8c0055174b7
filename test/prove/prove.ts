/**
 * Proofs that take minutes: `npm run prove -- --seed 1 --runs 25000`. It starts a gateway of its own on bare workerd, prints one table,
 * and ends with an error where a property did not hold. The same seed makes the same cases.
 */
import { parseArgs } from 'node:util'
import { startBare } from '../support/node/bare-workerd.ts'
import { proveAnswers } from './answers.ts'
import { proveDecisions } from './decisions.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    runs: { type: 'string', default: '25000' },
    lanes: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
  },
})
const [seed, runs, lanes] = [Number(values.seed), Number(values.runs), Number(values.lanes)]
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
