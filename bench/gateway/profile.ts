/**
 * Where the gateway's processor time goes: a CPU profile over workerd's inspector, while calls arrive, summed up by
 * source file and by function. The Worker and its Durable Objects share one isolate here, so both are in it. What the
 * inspector cannot see inside of is `(program)`: the runtime itself, its HTTP and SQLite; `perf` can, see README.md.
 */
import { startBare } from '../../test/support/node/bare-workerd.ts'
import { builtElsewhere } from '../../test/support/node/built-worker.ts'
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { steadyPort } from '../../test/support/node/steady-port.ts'
import { root } from '../../test/support/node/wrangler-dev.ts'
import { type InspectedProfile, inspect } from './inspector.ts'
import { load } from './load.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, setUpGateway } from './subjects.ts'

const FILES_SHOWN = 25
const FUNCTIONS_SHOWN = 40
const LEAST_SECONDS = 5

/** Loads a gateway of its own and prints where its time went, for each era and number of connections. */
export async function profileGateway(options: {
  readonly seconds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
}): Promise<void> {
  const inspector = `127.0.0.1:${await steadyPort()}`
  const upstream = await startSmallWorker('upstream-worker.js')
  try {
    const gateway = await startBare(
      { DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' },
      { flags: [`--inspector-addr=${inspector}`], built: await builtElsewhere(root, true) },
    )
    try {
      const tokens = await setUpGateway(gateway.url, upstream.url, 1)
      for (const era of options.eras) {
        const { url, requests, name } = await gatewaySubject(gateway.url, tokens, era)
        const seconds = Math.max(options.seconds, LEAST_SECONDS)
        for (const width of options.widths) {
          const under = { width, expected: EXPECTED }
          await load(url, requests, { ...under, seconds: 2 })
          let rate = 0
          const profile = await inspect(`http://${inspector}`, async () => {
            rate = (await load(url, requests, { ...under, seconds })).rate
          })
          console.log(`\n${name}, ${width} connections, ${Math.round(rate)} requests/s while profiled`)
          printProfile(profile, rate * seconds)
        }
      }
    } finally {
      await gateway.stop()
    }
  } finally {
    await upstream.stop()
  }
}

/** Prints self time by file and by function; `calls`: how many calls share it. */
export function printProfile({ selfMicros }: InspectedProfile, calls: number): void {
  const idle = (name: string) => name === '(idle)'
  const busy = [...selfMicros.values()].filter(({ name }) => !idle(name))
  const total = busy.reduce((sum, { micros }) => sum + micros, 0)
  const all = [...selfMicros.values()].reduce((sum, { micros }) => sum + micros, 0)
  console.log(`  busy ${percent(total, all)}, ${(total / calls).toFixed(0)} µs a call`)
  const byFile = new Map<string, number>()
  for (const { file, micros } of busy) byFile.set(file, (byFile.get(file) ?? 0) + micros)
  const line = (micros: number, what: string) =>
    console.log(`  ${percent(micros, total)} ${(micros / calls).toFixed(1).padStart(7)} µs  ${what}`)
  console.log('  by file')
  for (const [file, micros] of [...byFile].toSorted((a, b) => b[1] - a[1]).slice(0, FILES_SHOWN))
    line(micros, file)
  console.log('  by function')
  for (const { name, file, line: at, micros } of busy
    .toSorted((a, b) => b.micros - a.micros)
    .slice(0, FUNCTIONS_SHOWN)) {
    line(micros, `${name}  ${file}${at === null ? '' : `:${at}`}`)
  }
}

function percent(part: number, of: number): string {
  return `${((100 * part) / of).toFixed(1).padStart(5)} %`
}
