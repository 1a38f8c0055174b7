/**
 * What the audit trail adds to a call: the row in the principal's transaction, and the HMAC of the arguments in the Worker.
 * On bare workerd; each piece is done some thousand times in one request, and all of them in turn, round after round:
 * `node bench/audit/bench.ts [rounds]`. The median of the rounds counts.
 */
import { startBare } from '../../test/support/node/bare-workerd.ts'

const rounds = Number(process.argv[2] ?? 9)
const COUNT = 3_000

const subjects: readonly (readonly [name: string, path: string])[] = [
  ['a call, asked of its principal', `/call/${COUNT}`],
  ['  its transaction', `/transaction/${COUNT}`],
  ['    the row in it', `/row/${COUNT}`],
  ['HMAC of 250 characters', `/hmac/${COUNT}/250`],
  ['HMAC of 2,000 characters', `/hmac/${COUNT}/2000`],
]

const keys = `bench:${Buffer.alloc(32, 1).toString('base64')}`
const bare = await startBare({ ENCRYPTION_KEYS: keys }, { main: 'bench/audit/worker/index.ts' })
try {
  const times = new Map<string, number[]>(subjects.map(([name]) => [name, []]))
  // The first round warms up.
  for (let round = 0; round <= rounds; round++)
    for (const [name, path] of subjects) {
      const from = performance.now()
      const response = await fetch(new URL(path, bare.url))
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      await response.text()
      if (round > 0) times.get(name)?.push(((performance.now() - from) * 1_000) / COUNT)
    }
  let base = 0
  for (const [name, all] of times) {
    all.sort((a, b) => a - b)
    const median = all[Math.floor(all.length / 2)] ?? 0
    if (base === 0) base = median
    console.log(`${name.padEnd(34)} ratio ${(median / base).toFixed(2)}  ${median.toFixed(1).padStart(7)} µs`)
  }
} finally {
  await bare.stop()
}
