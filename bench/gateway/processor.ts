/**
 * How much processor time a call takes of the gateway's process, all its threads together: a figure that other work on
 * the machine disturbs less than it does a rate. From /proc, so on Linux alone.
 */
import { readFileSync } from 'node:fs'
import { startBare } from '../../test/support/node/bare-workerd.ts'
import type { Era } from '../../test/support/node/mcp-agent.ts'
import { load } from './load.ts'
import { startSmallWorker } from './small-worker.ts'
import { EXPECTED, gatewaySubject, setUpGateway } from './subjects.ts'

/** Of one tick of `/proc/<pid>/stat`: USER_HZ is 100 on Linux, whatever the machine (proc(5)). */
const MICROS_A_TICK = 10_000

/** Loads a gateway of its own, on one principal, and prints the time of a call, the least of `rounds`. */
export async function measureProcessor(options: {
  readonly seconds: number
  readonly rounds: number
  readonly widths: readonly number[]
  readonly eras: readonly Era[]
}): Promise<void> {
  const upstream = await startSmallWorker('upstream-worker.js')
  try {
    const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    try {
      const tokens = await setUpGateway(gateway.url, upstream.url, 1)
      for (const era of options.eras) {
        const { url, requests } = await gatewaySubject(gateway.url, tokens, era)
        for (const width of options.widths) {
          const under = { width, expected: EXPECTED }
          await load(url, requests, { ...under, seconds: 2 })
          const micros: number[] = []
          for (let round = 0; round < options.rounds; round++) {
            const before = ticks(gateway.pid())
            const { rate } = await load(url, requests, { ...under, seconds: options.seconds })
            micros.push(((ticks(gateway.pid()) - before) * MICROS_A_TICK) / (rate * options.seconds))
          }
          const name = `${era}, ${width} connection${width === 1 ? '' : 's'}`
          console.log(
            `  ${name.padEnd(28)} ${Math.min(...micros)
              .toFixed(0)
              .padStart(6)} µs a call`,
          )
        }
      }
    } finally {
      await gateway.stop()
    }
  } finally {
    await upstream.stop()
  }
}

/** User and system time of a process so far: the 14th and 15th field, counted behind the name, which may hold anything. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
