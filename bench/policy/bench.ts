/**
 * Decisions a second on one core, for policies of 10, 1,000 and 10,000 tools: `node bench/policy/bench.ts`.
 * Each tool has three conditions and one limit. Should be flat, and at least 500,000.
 */
import { type Counted, reserve } from '../../src/policy/counting.ts'
import { decide } from '../../src/policy/decide.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Call, Context, Policy } from '../../src/policy/model.ts'

const SIZES = [10, 1_000, 10_000]
const ROUNDS = 5
const ROUND_MS = 400
/** Calls between looks at the clock. */
const STRIDE = 1_000
const GOAL = 500_000

const rules = {
  require: [
    {
      conditions: [
        { path: 'args.amount', op: 'lte', value: 50_000 },
        { path: 'args.currency', op: 'in', value: ['usd', 'eur'] },
      ],
    },
  ],
  deny_if: [{ conditions: [{ path: 'args.to.country', op: 'eq', value: 'XX' }] }],
  limits: [{ counter: 'rate', window: 'minute', max: 30, scope: 'grant' }],
}

function policyOf(size: number): Policy {
  const tools = Object.fromEntries(Array.from({ length: size }, (_, i) => [`tool_${i}`, rules]))
  const loaded = loadPolicy({ version: '1', default: 'deny', tools })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.policy
}

/** Calls of `busy` of the tools. Few: what the engine costs. Many: what the processor's caches add. */
function callsOf(size: number, busy: number): Call[] {
  return Array.from({ length: STRIDE }, (_, i) => ({
    tool: `tool_${((i % busy) * 7_919) % size}`,
    args: { amount: i % 60_000, currency: 'usd', to: { country: 'BR', city: 'São Paulo' } },
  }))
}

/** The best of some rounds: what the code costs, not what else the machine did. */
function perSecond(run: (call: Call) => void, calls: readonly Call[]): number {
  let best = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    let done = 0
    while (performance.now() - start < ROUND_MS) {
      for (const call of calls) run(call)
      done += calls.length
    }
    best = Math.max(best, done / ((performance.now() - start) / 1_000))
  }
  return best
}

/** Counters in memory: what counting costs without a database. */
function memory() {
  const used = new Map<string, string>()
  return {
    read: (key: string, startMs: number): readonly Counted[] => {
      const found = used.get(`${startMs} ${key}`)
      return found === undefined ? [] : [{ startMs, used: found }]
    },
    put: (key: string, startMs: number, value: string) => void used.set(`${startMs} ${key}`, value),
    replace: (key: string, startMs: number, value: string) => void used.set(`${startMs} ${key}`, value),
  }
}

const context: Context = { nowMs: Date.UTC(2030, 0, 1), account: 'ana', label: 'agent' }
const format = (value: number) => Math.round(value).toLocaleString('en-US').padStart(11)
const results = SIZES.map((size) => {
  const loading = performance.now()
  const policy = policyOf(size)
  const loadMs = performance.now() - loading
  const calls = callsOf(size, 10)
  let allowed = 0
  const count = (call: Call) => {
    if (decide(policy, call, context).action === 'allow') allowed += 1
  }
  const decisions = perSecond(count, calls)
  const spread = perSecond(count, callsOf(size, 1_000))
  if (allowed === 0) throw new Error('nothing was allowed')
  const store = memory()
  const counted = perSecond((call) => {
    const decision = decide(policy, call, context)
    if (decision.action === 'allow')
      reserve(store, decision.charges, { session: null, account: null }, context.nowMs)
  }, calls)
  return { size, loadMs, decisions, spread, counted }
})

console.log('   tools | decisions/s | relative | over 1,000 tools/s | with counting/s | load ms')
for (const { size, loadMs, decisions, spread, counted } of results) {
  const relative = (decisions / (results[0]?.decisions ?? decisions)).toFixed(2)
  console.log(
    `${String(size).padStart(8)} | ${format(decisions)} | ${relative.padStart(8)} | ${format(spread).padStart(18)} | ${format(counted).padStart(15)} | ${loadMs.toFixed(0).padStart(7)}`,
  )
}
const slowest = Math.min(...results.flatMap(({ decisions, spread }) => [decisions, spread]))
console.log(
  `slowest ${format(slowest).trim()}, goal ${format(GOAL).trim()}: ${slowest >= GOAL ? 'met' : 'MISSED'}`,
)
process.exitCode = slowest >= GOAL ? 0 : 1
